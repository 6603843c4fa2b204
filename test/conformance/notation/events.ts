/** The notation of the event vectors (test/vectors/events/README.md). */

import { type Extension, imageName, readExtension } from '../../../src/backendai/wire/extension.ts';
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import type { Ext } from '../../../src/backendai/wire/msgpack/value.ts';
import { type Notation, view } from './view.ts';

const notation: Notation = { float: (value) => ({ $float: value }), extension: extensionView };

/** The JSON of encoded bytes. */
export function eventView(bytes: Uint8Array): unknown {
  return view(decodeMsgpack(bytes, { faithful: true }), notation);
}

/** The JSON of one extension value. */
export function extensionView(ext: Ext): unknown {
  const extension = readExtension(ext);
  if (extension === null) throw new Error(`the code ${ext.code} is not known`);
  const { kind, value } = described(extension);
  return {
    $ext: ext.code,
    $kind: kind,
    ...(extension.kind === 'enum' ? { $class: extension.class } : {}),
    value,
    payload_hex: Buffer.from(ext.data).toString('hex'),
  };
}

function described(extension: Extension): { readonly kind: string; readonly value: unknown } {
  switch (extension.kind) {
    case 'path':
      return { kind: extension.pure ? 'pure-posix-path' : 'posix-path', value: extension.text };
    case 'enum':
      return { kind: 'enum', value: extension.value };
    case 'image':
      return { kind: 'image-ref', value: imageName({ ...extension.image, isLocal: false }) };
    case 'slots':
      return { kind: 'resource-slot', value: extension.slots };
    case 'binary-size':
      return { kind: 'binary-size', value: sizeText(extension.bytes) };
    default:
      return { kind: extension.kind, value: extension.text };
  }
}

/** These vectors show a size in the largest unit that leaves no fraction. */
function sizeText(bytes: number | bigint): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [size, unit] = [BigInt(bytes), 0];
  while (size > 0n && size % 1024n === 0n && unit < units.length - 1) [size, unit] = [size / 1024n, unit + 1];
  return `${size} ${units[unit]}`;
}
