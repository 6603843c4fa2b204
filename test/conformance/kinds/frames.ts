/** Callosum messages of the vectors: decoded, and written again. */
import {
  decodeData,
  decodeHeader,
  emptyData,
  encodeFailureData,
  encodeHeader,
  encodeResultData,
  type MessageData,
  type MessageHeader,
  type MessageKind,
  messageTypes,
  openEnvelope,
} from '../../../src/backendai/wire/callosum.ts';
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import { decodeFailure, encodeRequestData } from '../../support/manager-wire.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { fromHex } from '../notation/hex.ts';
import { rpcView } from '../notation/rpc.ts';
import type { JsonObject } from '../vector-kind.ts';

export interface ReadMessage {
  readonly kind: MessageKind;
  readonly header: MessageHeader | null;
  readonly data: MessageData | null;
  readonly frames: readonly Uint8Array[];
}

/** The bytes of a list of hex texts. */
export function framesOf(hex: unknown): readonly Uint8Array[] {
  if (!Array.isArray(hex)) throw new Error('there are no frames');
  return hex.map((frame) => fromHex(frame));
}

/** Reads a message in hex. Throws when it is none. */
export function readMessage(hex: unknown): ReadMessage {
  return readFrames(framesOf(hex));
}

/** Reads a message. Throws when it is none. */
export function readFrames(frames: readonly Uint8Array[]): ReadMessage {
  const envelope = openEnvelope(frames);
  if (!envelope) throw new Error('the frames are no message');
  const { kind } = envelope;
  if (kind !== 'UPPER') return { kind, header: null, data: null, frames: frames.slice(-3) };
  const header = decodeHeader(envelope.header);
  return { kind, header, data: decodeData(envelope.data, header.compressed), frames: frames.slice(-3) };
}

/** A header as the vectors show it. */
export function headerView({ type, method, orderKey, sequence, compressed }: MessageHeader): JsonObject {
  const okey = typeof orderKey === 'string' ? orderKey : { $bin: Buffer.from(orderKey).toString('hex') };
  return { type: messageTypes[type], meth: method, okey, seq: sequence, zip: compressed };
}

/** Whether our encoder writes the very frames that were read; compressed ones are only read. */
export function rewriteDifference({ header, data, frames }: ReadMessage): string | null {
  const [, headerFrame, dataFrame] = frames;
  if (!header || !data || header.compressed) return null;
  return (
    byteDifference(encodeHeader(header.type, header), hexOf(headerFrame), 'the header that we write') ??
    byteDifference(rewriteData(header, data), hexOf(dataFrame), 'the data that we write')
  );
}

/** Compares a message with its description (`header`, `meta_hex`, `body` …). */
export function messageDifference(message: ReadMessage, wanted: JsonObject): string | null {
  if (message.kind !== wanted['kind']) return `it is ${message.kind}, not ${String(wanted['kind'])}`;
  const { header, data } = message;
  if (!header || !data) return null;
  const body = data.body === null ? null : Buffer.from(data.body).toString('hex');
  return (
    difference(headerView(header), wanted['header'], 'header') ??
    difference(header.type.toUpperCase(), wanted['type_name'], 'type_name') ??
    byteDifference(data.meta, String(wanted['meta_hex']), 'meta') ??
    (data.meta.length > 0 ? difference(rpcView(data.meta), wanted['meta'], 'meta') : null) ??
    (body === null ? difference(null, wanted['body'], 'body') : difference(body, wanted['body_hex'], 'body_hex'))
  );
}

function rewriteData(header: MessageHeader, { meta, body }: MessageData): Uint8Array {
  const value = body === null ? null : decodeMsgpack(body, { faithful: true });
  if (header.type === 'function') return encodeRequestData(value);
  if (header.type === 'result') return encodeResultData(value);
  return meta.length > 1 ? encodeFailureData(decodeFailure(meta)) : emptyData;
}

function hexOf(frame: Uint8Array | undefined): string {
  return Buffer.from(frame ?? []).toString('hex');
}
