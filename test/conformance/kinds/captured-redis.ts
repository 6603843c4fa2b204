/** Captured Redis keys: an array of objects with `kind` and `db`. Their MessagePack decodes to the view and back. */
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import { encodeMsgpack } from '../../../src/backendai/wire/msgpack/encode.ts';
import { capturedView } from '../notation/captured.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { fromHex } from '../notation/hex.ts';
import { isObject, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';

const types = ['string', 'hash', 'list', 'stream', 'set', 'zset'];

export const capturedRedis: VectorKind = {
  name: 'captured Redis keys',
  recognises: (document) =>
    Array.isArray(document) &&
    document.length > 0 &&
    document.every((item) => isObject(item) && 'kind' in item && 'db' in item),
  run: (document) =>
    (document as readonly JsonObject[]).map((key) =>
      runCase(`${String(key['kind'])} ${String(key['key'])}`, () => problem(key)),
    ),
};

function problem(key: JsonObject): string | null {
  if (!types.includes(String(key['type']))) return `a key of type ${String(key['type'])} is not known`;
  if (!('msgpack' in key) || key['msgpack'] === null) return null;
  const hex = String(key['hex']);
  const bytes = fromHex(hex);
  return (
    difference(capturedView(bytes), key['msgpack'], 'value') ??
    byteDifference(encodeMsgpack(decodeMsgpack(bytes, { faithful: true })), hex, 'what is written again')
  );
}
