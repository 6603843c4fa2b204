/** Vectors of the RPC serialiser: `vectors` whose items have `hex`, with `alternatives` and `unpackable_types`. */
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import { encodeMsgpack } from '../../../src/backendai/wire/msgpack/encode.ts';
import type { MsgpackValue } from '../../../src/backendai/wire/msgpack/value.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { fromHex } from '../notation/hex.ts';
import { plainValue, rpcView, withoutNames } from '../notation/rpc.ts';
import { type CaseResult, isObject, itemsOf, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';

/** What comes nearest to Python's types that no encoder takes. */
const unpackable: Readonly<Record<string, unknown>> = {
  set: new Set(['a']),
  frozenset: Object.freeze(new Set(['a'])),
  timedelta: new (class Duration {})(),
  date: new Date(0),
  OrderedDict: new (class OrderedMap extends Map<string, number> {})([['a', 1]]),
  defaultdict: new (class DefaultMap extends Map<string, number> {})([['a', 1]]),
  'str subclass': Object('text'),
  'int subclass': Object(1),
  'int >= 2**64': 2n ** 64n,
  complex: new (class Complex {})(),
  VFolderID: new (class FolderId {})(),
};

export const rpcSerialiser: VectorKind = {
  name: 'rpc serialiser',
  recognises: (document) => itemsOf(document, 'vectors')?.every(({ hex }) => typeof hex === 'string') ?? false,
  run: (document) => [
    ...(itemsOf(document, 'vectors') ?? []).map((vector) =>
      runCase(String(vector['name']), () => vectorProblem(vector)),
    ),
    ...(itemsOf(document, 'alternatives') ?? []).map((vector) =>
      runCase(String(vector['name']), () => decodingProblem(vector)),
    ),
    ...unpackableTypes(document).map(unpackableCase),
  ],
};

function vectorProblem(vector: JsonObject): string | null {
  const hex = String(vector['hex']);
  const faithful = encodeMsgpack(decodeMsgpack(fromHex(hex), { faithful: true }));
  const input = plainValue(vector['input']);
  return (
    decodingProblem(vector) ??
    byteDifference(faithful, hex, 'what is read and written again') ??
    (input === undefined ? null : byteDifference(encodeMsgpack(input), hex, 'the input, encoded,'))
  );
}

/** Decoding gives the value that upstream's gives. */
export function decodingProblem(vector: JsonObject): string | null {
  const bytes = fromHex(vector['hex']);
  return difference(rpcView(bytes), withoutNames(vector['decoded']), 'decoded');
}

function unpackableTypes(document: unknown): readonly string[] {
  const types = isObject(document) ? document['unpackable_types'] : undefined;
  return Array.isArray(types) ? types.map(String) : [];
}

function unpackableCase(type: string): CaseResult {
  return runCase(`unpackable: ${type}`, () => {
    if (!Object.hasOwn(unpackable, type)) return 'nothing like it is known here';
    try {
      encodeMsgpack(unpackable[type] as MsgpackValue);
    } catch {
      return null;
    }
    return 'it was encoded';
  });
}
