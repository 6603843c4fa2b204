/**
 * The notation of recorded manager traffic (test/vectors/manager-traffic/README.md): that of the RPC vectors, but an
 * image has no canonical name beside it, slots are what the pickle held, and a size is shown as an enum.
 */
import type { MsgpackValue } from '../../../src/backendai/wire/msgpack/value.ts';
import { isObject, type JsonObject } from '../vector-kind.ts';
import { plainValue, rpcView } from './rpc.ts';

/** The JSON of encoded bytes, in the form that `comparable` gives to what was recorded. */
export function trafficView(bytes: Uint8Array): unknown {
  return comparable(rpcView(bytes));
}

/** A recorded or decoded view without what only one of the two notations has. */
export function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (!isObject(value)) return value;
  if (isObject(value['$imageref'])) return { $imageref: value['$imageref'] };
  const { $resourceslot: slots, $binarysize: size } = value;
  if (Array.isArray(slots)) return { $resourceslot: (slots[1] as JsonObject)['data'] };
  if (typeof size === 'string') return { $enum: { class: 'ai.backend.common.types.BinarySize', value: Number(size) } };
  return mapOf(value, comparable);
}

/** A recorded value as plain ones: what is sent in its place. Throws for a tag that is not known. */
export function portableValue(value: unknown): MsgpackValue {
  const plain = plainValue(withoutTags(value));
  if (plain === undefined) throw new Error(`${JSON.stringify(value).slice(0, 200)} has no plain form`);
  return plain;
}

/** Replaces the tags of extension values by what they hold. Images don't travel on the stream: their tag stays. */
function withoutTags(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTags);
  if (!isObject(value)) return value;
  const { $enum: member, $decimal: decimal, $uuid: uuid, $posixpath: file, $resourceslot: slots } = value;
  if (isObject(member)) return member['value'];
  if (Array.isArray(slots)) return (slots[1] as JsonObject)['data'];
  return decimal ?? uuid ?? file ?? mapOf(value, withoutTags);
}

function mapOf(value: JsonObject, change: (item: unknown) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}
