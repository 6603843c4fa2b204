/** Vectors of extension values: `items` with payloads, and pickles written by hand. */
import { readExtension } from '../../../src/backendai/wire/extension.ts';
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import { encodeMsgpack } from '../../../src/backendai/wire/msgpack/encode.ts';
import { Ext } from '../../../src/backendai/wire/msgpack/value.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { eventView, extensionView } from '../notation/events.ts';
import { fromHex } from '../notation/hex.ts';
import { isObject, itemsOf, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';

/** Upstream's extension codes by kind. */
const codes = { slots: 8, enum: 6 } as const;

export const extensionTypes: VectorKind = {
  name: 'extension types',
  recognises: (document) =>
    itemsOf(document, 'items')?.every(({ payload_hex }) => typeof payload_hex === 'string') ?? false,
  run: (document) => [
    ...(itemsOf(document, 'items') ?? []).map((item) => runCase(String(item['what']), () => itemProblem(item))),
    ...(itemsOf(document, 'hand_written_equivalents') ?? []).map((item) =>
      runCase(`by hand: ${String(item['what'])}`, () => equivalentProblem(item, itemsOf(document, 'items') ?? [])),
    ),
  ],
};

function itemProblem(item: JsonObject): string | null {
  const [hex, payload] = [String(item['msgpack_hex']), String(item['payload_hex'])];
  const ext = decodeMsgpack(fromHex(hex));
  if (!(ext instanceof Ext)) return 'it is no extension value';
  return (
    difference(ext.code, item['ext'], 'code') ??
    byteDifference(ext.data, payload, 'payload') ??
    difference(eventView(fromHex(hex)), { payload_hex: payload, ...decodedOf(item) }, 'decoded') ??
    difference(extensionView(ext), { payload_hex: payload, ...decodedOf(item) }, 'decoded') ??
    byteDifference(encodeMsgpack(ext), hex, 'what is written again')
  );
}

function decodedOf(item: JsonObject): JsonObject {
  if (!isObject(item['decoded'])) throw new Error('the item has no decoded value');
  return item['decoded'];
}

/** These say in words what they load to: `ResourceSlot({'cpu': Decimal('7')})`, `SlotTypes.COUNT`. */
function equivalentProblem({ what, payload_hex }: JsonObject, items: readonly JsonObject[]): string | null {
  const text = String(what);
  const data = fromHex(payload_hex);
  if (text.startsWith('ResourceSlot(')) {
    const pairs = [...text.matchAll(/'([^']+)': (?:Decimal\()?'([^']+)'/g)].map(([, name, amount]) => [name, amount]);
    return difference(readExtension(new Ext(codes.slots, data)), { kind: 'slots', slots: Object.fromEntries(pairs) });
  }
  const same = items.find((item) => item['what'] === what);
  if (!same) return 'there is nothing to compare it with';
  const wanted = readExtension(new Ext(codes.enum, fromHex(same['payload_hex'])));
  return difference(readExtension(new Ext(codes.enum, data)), wanted);
}
