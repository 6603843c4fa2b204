/** The header frame (spec rpc 2.4). */
import { decodeMsgpack } from '../msgpack/decode.ts';
import { encodeMsgpack } from '../msgpack/encode.ts';
import type { MsgpackValue } from '../msgpack/value.ts';
import { CallosumError, type MessageHeader, type MessageType, messageTypes, type RequestIdentity } from './message.ts';

/** The longest header that is read; method names and order keys are short. */
const maxHeaderBytes = 4096;
const typeNames: ReadonlyMap<MsgpackValue | undefined, MessageType> = new Map(
  (Object.keys(messageTypes) as MessageType[]).map((name) => [messageTypes[name], name]),
);

/** Reads a header. Throws CallosumError or MsgpackError; without one, nobody can be answered. */
export function decodeHeader(bytes: Uint8Array): MessageHeader {
  if (bytes.length > maxHeaderBytes) throw new CallosumError(`a header of ${bytes.length} bytes is too long`);
  const fields = decodeMsgpack(bytes);
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields) || fields instanceof Map) {
    throw new CallosumError('the header is no map');
  }
  const { type: number, meth, okey, seq, zip } = fields as Readonly<Record<string, MsgpackValue | undefined>>;
  const type = typeNames.get(number);
  if (type === undefined) throw new CallosumError('the header has no known type');
  if (typeof meth !== 'string') throw new CallosumError('the header names no method');
  if (typeof okey !== 'string' && !(okey instanceof Uint8Array)) throw new CallosumError('the header has no order key');
  if (typeof seq !== 'number' || !Number.isInteger(seq) || seq < 0) {
    throw new CallosumError('the header has no sequence number');
  }
  if (zip !== undefined && typeof zip !== 'boolean') throw new CallosumError('zip of the header is no boolean');
  return { type, method: meth, orderKey: okey, sequence: seq, compressed: zip ?? false };
}

/** Writes a header; what it announces is never compressed. */
export function encodeHeader(type: MessageType, identity: RequestIdentity): Uint8Array {
  const { method, orderKey, sequence } = identity;
  return encodeMsgpack({ type: messageTypes[type], meth: method, okey: orderKey, seq: sequence, zip: false });
}
