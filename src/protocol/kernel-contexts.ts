/**
 * Contexts of a kernel: each keeps state between its queries, which run in their order, beside those of the others. Every kernel
 * has `main`, in which queries run that name none.
 */
import type { RunId } from '../lib/ids.ts';
import { FrameError } from './frame.ts';
import { list, object, oneOf, runId, text, whole } from './guards.ts';

/** The context that every kernel has. Batch runs run in its order too. */
export const mainContext = 'main';

/** Contexts that a kernel has at most. */
export const maxContexts = 16;

/** State of an interpreter: `none` = this runtime keeps none, `idle` = started when needed. */
export const interpreterStates = ['none', 'idle', 'starting', 'ready', 'failed'] as const;
/** The state of the interpreter of one context. */
export type InterpreterState = (typeof interpreterStates)[number];

/** A context that is asked for. */
export interface ContextSpec {
  readonly name: string;
  /** A type of `runtimes.ts`; null: that of the kernel. */
  readonly runtime: string | null;
  /** The folder in which its interpreter starts; null: the home. */
  readonly cwd: string | null;
}

/** A context that there is. */
export interface ContextState {
  readonly name: string;
  readonly runtime: string;
  readonly cwd: string | null;
  readonly state: InterpreterState;
  /** Why its interpreter cannot be started; else empty. */
  readonly detail: string;
  /** Runs that wait in it. */
  readonly waiting: number;
  /** The run that runs in it. */
  readonly running: RunId | null;
}

const nameForm = /^[A-Za-z0-9._-]{1,64}$/;
const maxText = 4096;

/** Whether a text can be the name of a context. */
export const isContextName = (name: string): boolean => nameForm.test(name);

/** Reads the name of a context. Throws FrameError. */
export function contextName(value: unknown): string {
  const name = text(value, 'context');
  if (!isContextName(name)) throw new FrameError('context is not the name of a context');
  return name;
}

/** Reads what a runner says of its contexts. Throws FrameError. */
export function contextStates(value: unknown): readonly ContextState[] {
  return list(value, 'contexts', maxContexts).map((item) => {
    const fields = object(item, 'context');
    const { cwd, running } = fields;
    return {
      name: contextName(fields['name']),
      runtime: text(fields['runtime'], 'runtime', 256),
      cwd: cwd === null ? null : text(cwd, 'cwd', maxText),
      state: oneOf(fields['state'], interpreterStates, 'state'),
      detail: text(fields['detail'], 'detail').slice(0, maxText),
      waiting: whole(fields['waiting'], 'waiting', 0),
      running: running === null ? null : runId(running),
    };
  });
}
