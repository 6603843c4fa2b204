/**
 * Binds the arguments of a call to the parameters of its method as Python does (spec rpc 6), and checks their types.
 * What doesn't fit is a TypeError in Python's words, a malformed id a ValueError.
 */
import type { z } from 'zod';
import { pythonRepr } from '../../lib/python-repr.ts';
import type { CallArguments } from '../wire/callosum.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import { RpcFailure } from './rpc-failure.ts';
import type { RpcSignature } from './rpc-method.ts';

/** Which of several agents is meant: later managers add it to every call, and it binds to no parameter. */
const agentParameter = 'agent_id';

/** The arguments by name, checked. Throws RpcFailure. */
export function bindArguments(signature: RpcSignature, given: CallArguments): Record<string, unknown> {
  const { kwargs } = given;
  const args = given.args.slice(0, hasTrailingAgent(given, signature) ? -1 : undefined);
  const shape = signature.args.shape as Readonly<Record<string, z.ZodType>>;
  const names = Object.keys(shape);
  const positional = names.slice(0, names.length - signature.keywordOnly);
  const call = `${signature.name}()`;
  if (args.length > positional.length) {
    const takes = `${positional.length} positional argument${positional.length === 1 ? '' : 's'}`;
    throw typeError(`${call} takes ${takes} but ${args.length} ${args.length === 1 ? 'was' : 'were'} given`);
  }
  const bound: Record<string, MsgpackValue> = {};
  for (const [index, value] of args.entries()) bound[positional[index] as string] = value;
  for (const [name, value] of Object.entries(kwargs)) {
    if (!(name in shape)) {
      if (name === agentParameter) continue;
      throw typeError(`${call} got an unexpected keyword argument ${pythonRepr(name)}`);
    }
    if (name in bound) throw typeError(`${call} got multiple values for argument ${pythonRepr(name)}`);
    bound[name] = value;
  }
  const missing = names.filter((name) => !(name in bound) && !shape[name]?.safeParse(undefined).success);
  // Managers of the third style give a map of this name (spec rpc 9.2).
  if (missing.includes('req')) throw new RpcFailure('ValueError', `${call} needs the map 'req'`);
  if (missing.length > 0) throw typeError(missingText(call, missing, positional));
  const checked = signature.args.safeParse(bound);
  if (!checked.success) throw wrongType(call, checked.error);
  return checked.data;
}

/** Which agent is meant, if the call says so: by name, or behind all arguments. */
export function agentIdOf(given: CallArguments, signature: RpcSignature): MsgpackValue {
  const { kwargs, args } = given;
  const place = hasTrailingAgent(given, signature)
    ? args.length - 1
    : Object.keys(signature.args.shape).indexOf(agentParameter);
  return kwargs[agentParameter] ?? (place < 0 ? null : (args[place] ?? null));
}

/** Whether the last argument by position is one more than the method has, and may name an agent (spec rpc 9.1). */
function hasTrailingAgent({ args, kwargs }: CallArguments, { args: { shape }, keywordOnly }: RpcSignature): boolean {
  const names = Object.keys(shape);
  const last = args.at(-1);
  if (args.length !== names.length + 1 || keywordOnly > 0 || names.includes(agentParameter)) return false;
  return (last === null || typeof last === 'string') && !(agentParameter in kwargs);
}

function missingText(call: string, missing: readonly string[], positional: readonly string[]): string {
  const kind = positional.includes(missing[0] ?? '') ? 'positional' : 'keyword-only';
  const plural = missing.length === 1 ? '' : 's';
  return `${call} missing ${missing.length} required ${kind} argument${plural}: ${missing.map(pythonRepr).join(', ')}`;
}

function wrongType(call: string, error: z.ZodError): RpcFailure {
  const issue = error.issues[0];
  const place = (issue?.path ?? []).map(String).join('.').slice(0, 200);
  const className = issue?.code === 'invalid_format' ? 'ValueError' : 'TypeError';
  return new RpcFailure(className, `${call} argument ${place}: ${(issue?.message ?? 'not valid').slice(0, 300)}`);
}

function typeError(text: string): RpcFailure {
  return new RpcFailure('TypeError', text);
}
