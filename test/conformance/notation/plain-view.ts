/** A captured view with its extension values in portable form. */
import { plainExtension } from '../../../src/backendai/wire/extension.ts';
import { encodeMsgpack } from '../../../src/backendai/wire/msgpack/encode.ts';
import { Ext } from '../../../src/backendai/wire/msgpack/value.ts';
import { isObject } from '../vector-kind.ts';
import { capturedView } from './captured.ts';
import { fromHex } from './hex.ts';

/** Puts plain values where the view has `$ext`. */
export function plainView(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainView);
  if (!isObject(value)) return value;
  const { $ext: code, hex } = value;
  if (typeof code === 'number' && typeof hex === 'string') {
    return capturedView(encodeMsgpack(plainExtension(new Ext(code, fromHex(hex)))));
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainView(item)]));
}
