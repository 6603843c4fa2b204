/** The notation of the RPC vectors (test/vectors/rpc/README.md): tagged JSON, one tag for each kind of value. */

import { type Extension, imageName, readExtension } from '../../../src/backendai/wire/extension.ts';
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import { Float, type MsgpackValue } from '../../../src/backendai/wire/msgpack/value.ts';
import { isObject, type JsonObject } from '../vector-kind.ts';
import { fromHex } from './hex.ts';
import { type Notation, view } from './view.ts';

const notation: Notation = {
  float: (value) => ({ $float: value }),
  extension: (ext) => {
    const extension = readExtension(ext);
    const { code, data } = ext;
    return extension === null ? { $ext: { code, hex: Buffer.from(data).toString('hex') } } : tagged(extension);
  },
};

/** The JSON of encoded bytes. */
export function rpcView(bytes: Uint8Array): unknown {
  return view(decodeMsgpack(bytes, { faithful: true }), notation);
}

/** A value of the notation as it is after the wire: names of enum members don't travel, and slots are read as text. */
export function withoutNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNames);
  if (!isObject(value)) return value;
  if (isObject(value['$enum'])) return { $enum: { class: value['$enum']['class'], value: value['$enum']['value'] } };
  if (isObject(value['$resourceslot'])) return { $resourceslot: mapOf(value['$resourceslot'], textOfAmount) };
  return mapOf(value, withoutNames);
}

const textOfAmount = (amount: unknown): unknown => (isObject(amount) ? amount['$decimal'] : amount);

function mapOf(value: JsonObject, change: (item: unknown) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}

/** A plain value of the notation, ready to be encoded; undefined when it has an extension value, which is never sent. */
export function plainValue(value: unknown): MsgpackValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value;
  if (Array.isArray(value)) {
    const items = value.map(plainValue);
    return items.includes(undefined) ? undefined : (items as MsgpackValue[]);
  }
  if (!isObject(value)) return undefined;
  if (typeof value['$bin'] === 'string') return fromHex(value['$bin']);
  if (typeof value['$int'] === 'string') return BigInt(value['$int']);
  if (typeof value['$float'] === 'number') return new Float(value['$float']);
  if (Array.isArray(value['$map'])) {
    const entries = plainValue(value['$map']) as readonly (readonly [MsgpackValue, MsgpackValue])[] | undefined;
    return entries && new Map(entries);
  }
  const entries = Object.entries(value).map(([key, item]) => [key, plainValue(item)] as const);
  if (entries.some(([key, item]) => key.startsWith('$') || item === undefined)) return undefined;
  return new Map(entries as [string, MsgpackValue][]);
}

function tagged(extension: Extension): unknown {
  switch (extension.kind) {
    case 'uuid':
      return { $uuid: extension.text };
    case 'datetime':
      return { $datetime: extension.text };
    case 'decimal':
      return { $decimal: extension.text };
    case 'slot-name':
      return extension.text;
    case 'path':
      return extension.pure ? { $purepath: extension.text } : { $posixpath: extension.text };
    case 'enum': {
      const { value } = extension;
      return { $enum: { class: extension.class, value: typeof value === 'bigint' ? String(value) : value } };
    }
    case 'image': {
      const { isLocal, ...fields } = extension.image;
      return {
        $imageref: { ...fields, is_local: isLocal },
        canonical: imageName({ ...extension.image, isLocal: false }),
      };
    }
    case 'slots':
      return { $resourceslot: extension.slots };
    case 'binary-size':
      return { $binarysize: String(extension.bytes) };
  }
}
