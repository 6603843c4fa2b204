/** Branded identifiers: a plain string does not pass for one of them, and one kind does not pass for another. */
import { randomUUID } from 'node:crypto';
import { KerneletError } from './errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A kernel's id: a lower-case UUID. */
export type KernelId = Branded<'KernelId'>;
/** The id of the session that a kernel belongs to: a lower-case UUID; in standalone mode it equals the kernel's. */
export type SessionId = Branded<'SessionId'>;
/** The id of an agent: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`. */
export type AgentId = Branded<'AgentId'>;
/** The engine's id of a container. */
export type ContainerId = Branded<'ContainerId'>;
/** The id of one execution, chosen by the caller: 1 to 64 characters of `[A-Za-z0-9._-]`. */
export type RunId = Branded<'RunId'>;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const runIdForm = /^[A-Za-z0-9._-]{1,64}$/;
const agentIdForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function parse<Id extends string>(text: string, form: RegExp, what: string, shape: string): Id {
  if (!form.test(text)) {
    throw new KerneletError('INVALID_ARGUMENT', `${what} ${JSON.stringify(text.slice(0, 80))} is not ${shape}`);
  }
  return text as Id;
}

/** Reads a kernel id; upper case is accepted and lowered. Throws INVALID_ARGUMENT. */
export const parseKernelId = (text: string): KernelId => parse(text.toLowerCase(), uuid, 'kernel id', 'a UUID');
/** Whether a text is a kernel id as it is written. */
export const isKernelId = (text: string): text is KernelId => uuid.test(text);
/** Reads a session id; upper case is accepted and lowered. Throws INVALID_ARGUMENT. */
export const parseSessionId = (text: string): SessionId => parse(text.toLowerCase(), uuid, 'session id', 'a UUID');
/** Reads a run id. Throws INVALID_ARGUMENT. */
export const parseRunId = (text: string): RunId =>
  parse(text, runIdForm, 'run id', '1 to 64 characters of letters, digits, ".", "_" and "-"');
/** Whether a text is a run id. */
export const isRunId = (text: string): text is RunId => runIdForm.test(text);
/** Reads an agent id. Throws INVALID_ARGUMENT. */
export const parseAgentId = (text: string): AgentId =>
  parse(text, agentIdForm, 'agent id', '1 to 64 characters of letters, digits, ".", "_" and "-"');
/** Takes the engine's word for a container id. */
export const asContainerId = (text: string): ContainerId => text as ContainerId;
/** A random kernel id: a UUID of version 4. */
export const newKernelId = (): KernelId => randomUUID() as string as KernelId;
/** A random run id: 32 hexadecimal digits. */
export const newRunId = (): RunId => randomUUID().replaceAll('-', '') as RunId;

/** What a kernel may be called; its ids and their beginnings are of this form too. */
export const kernelNameForm = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
