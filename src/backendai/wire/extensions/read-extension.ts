/** From an extension value of the wire to what it means, by its code (spec rpc 3.2). */
import type { Ext } from '../msgpack/value.ts';
import { type Extension, ExtensionError } from './extension.ts';
import { readBinarySize, readDecimal, readEnum, readImage, readSlotName, readSlots } from './pickled.ts';
import { decodeTemporenc } from './temporenc.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const readers: Readonly<Record<number, (data: Uint8Array) => Extension>> = {
  1: readUuid,
  2: (data) => ({ kind: 'datetime', text: decodeTemporenc(data) }),
  3: readDecimal,
  4: (data) => readPath(data, false),
  5: (data) => readPath(data, true),
  6: readEnum,
  7: readImage,
  8: readSlots,
  9: readSlotName,
  16: readBinarySize,
  17: (data) => readPath(data, false),
};

/** The meaning of an extension value; null for a code that nobody knows. Throws ExtensionError or PickleError. */
export function readExtension({ code, data }: Ext): Extension | null {
  return readers[code]?.(data) ?? null;
}

function readUuid(data: Uint8Array): Extension {
  if (data.length !== 16) throw new ExtensionError(`a UUID of ${data.length} bytes does not occur`);
  const digits = Buffer.from(data).toString('hex');
  return { kind: 'uuid', text: digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') };
}

function readPath(data: Uint8Array, pure: boolean): Extension {
  try {
    return { kind: 'path', text: utf8.decode(data), pure };
  } catch (cause) {
    throw new ExtensionError('a path is not valid UTF-8', { cause });
  }
}
