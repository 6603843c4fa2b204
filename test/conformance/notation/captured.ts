/** The notation of captured traffic: extension values by code and payload, numbers by value. */
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import { type Notation, view } from './view.ts';

const notation: Notation = {
  float: (value) => value,
  extension: ({ code, data }) => ({ $ext: code, hex: Buffer.from(data).toString('hex') }),
};

/** The JSON of encoded bytes. */
export function capturedView(bytes: Uint8Array): unknown {
  return view(decodeMsgpack(bytes, { faithful: true }), notation);
}
