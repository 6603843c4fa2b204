/** Decoded values as the JSON of the vectors: what all three notations share. */
import { Ext, Float, type MsgpackValue } from '../../../src/backendai/wire/msgpack/value.ts';

/** What a notation makes of the values that it writes in a way of its own. */
export interface Notation {
  extension(ext: Ext): unknown;
  float(value: number): unknown;
}

/** The JSON of a value that was decoded with `faithful` and without a reader of extensions. */
export function view(value: MsgpackValue, notation: Notation): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value;
  if (typeof value === 'bigint') return { $int: String(value) };
  if (value instanceof Float) return notation.float(value.value);
  if (value instanceof Ext) return notation.extension(value);
  if (value instanceof Uint8Array) return { $bin: Buffer.from(value).toString('hex') };
  if (value instanceof Map) return mapView(value, notation);
  if (Array.isArray(value)) return (value as readonly MsgpackValue[]).map((item) => view(item, notation));
  throw new Error('a decoded value is of no known type');
}

function mapView(map: ReadonlyMap<MsgpackValue, MsgpackValue>, notation: Notation): unknown {
  const entries = [...map];
  if (entries.every(([key]) => typeof key === 'string')) {
    return Object.fromEntries(entries.map(([key, item]) => [key, view(item, notation)]));
  }
  return { $map: entries.map(([key, item]) => [view(key, notation), view(item, notation)]) };
}
