/** Vectors of RPC methods: `calls` whose items have `request`. Newer files add `ext`, values of further types. */
import { methods } from '../../../src/backendai/rpc/methods/index.ts';
import { bindArguments } from '../../../src/backendai/rpc/rpc-method.ts';
import { decodeRequestBody } from '../../../src/backendai/wire/callosum.ts';
import { decodePlain } from '../../../src/backendai/wire/extension.ts';
import { difference } from '../notation/compare.ts';
import { rpcView, withoutNames } from '../notation/rpc.ts';
import { isObject, itemsOf, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';
import { messageDifference, type ReadMessage, readMessage } from './frames.ts';
import { decodingProblem } from './rpc-serialiser.ts';

const known = new Map(methods.map(({ signature }) => [signature.name, signature]));

export const rpcMethods: VectorKind = {
  name: 'rpc methods',
  recognises: (document) => itemsOf(document, 'calls')?.every(({ request }) => isObject(request)) ?? false,
  run: (document) => [
    ...(itemsOf(document, 'calls') ?? []).map((call) => runCase(String(call['name']), () => callProblem(call))),
    ...(itemsOf(document, 'ext') ?? []).map((vector) => runCase(String(vector['name']), () => decodingProblem(vector))),
  ],
};

function callProblem(call: JsonObject): string | null {
  const [request, reply] = [objectOf(call['request']), objectOf(call['reply'])];
  const asked = readMessage(request['frames_hex']);
  const answered = readMessage(reply['frames_hex']);
  const arguments_ = { args: call['args'], kwargs: call['kwargs'] };
  return (
    messageDifference(asked, request) ??
    messageDifference(answered, reply) ??
    difference(rpcView(bodyOf(asked)), withoutNames(arguments_), 'request') ??
    difference(rpcView(bodyOf(answered)), withoutNames(call['result']), 'result') ??
    signatureProblem(String(call['method']), asked, answered)
  );
}

/** Whether the schemas of the method take both directions. */
export function signatureProblem(name: string, request: ReadMessage, reply: ReadMessage | null): string | null {
  const signature = known.get(name);
  if (!signature) return `the method ${name} has no signature`;
  bindArguments(signature, decodeRequestBody(request.data?.body ?? null));
  if (!reply) return null;
  const result = signature.result.safeParse(decodePlain(bodyOf(reply)));
  return result.success ? null : `the result does not fit: ${result.error.message.slice(0, 600)}`;
}

/** The bytes of a body. Throws when there is none. */
export function bodyOf({ data }: ReadMessage): Uint8Array {
  if (!data?.body) throw new Error('the message has no body');
  return data.body;
}

function objectOf(value: unknown): JsonObject {
  if (!isObject(value)) throw new Error('a message is missing');
  return value;
}
