/**
 * Callosum messages (spec rpc 2.2–2.5): three frames `kind`, `header`, `data` behind whatever routes them.
 *
 *   UPPER  header {type, meth, okey, seq, zip}   data {meta: bin, body: bin | nil}
 *   PING   two frames of anything, which the PONG repeats
 */
import { decodePlain } from './extension.ts';
import { decodeMsgpack } from './msgpack/decode.ts';
import { encodeMsgpack } from './msgpack/encode.ts';
import { MsgpackError, type MsgpackValue } from './msgpack/value.ts';
import { decompressSnappy } from './snappy.ts';

/** The first frame of a message: a call or its reply, or a question whether the peer is there with its answer. */
export type MessageKind = 'UPPER' | 'PING' | 'PONG';

/** Types of `UPPER` messages, by the number on the wire. */
export const messageTypes = {
  null: 0,
  function: 1,
  result: 2,
  failure: 3,
  error: 4,
  cancel: 5,
  cancelled: 6,
} as const;
/** The name of a type. */
export type MessageType = keyof typeof messageTypes;

/** What a reply must repeat, with the type that `okey` came in: text or bytes. */
export interface RequestIdentity {
  readonly method: string;
  readonly orderKey: string | Uint8Array;
  /** 0 … 2^32 − 1. */
  readonly sequence: number;
}

/** The header of an `UPPER` message. */
export interface MessageHeader extends RequestIdentity {
  readonly type: MessageType;
  readonly compressed: boolean;
}

/** Frames that are no message of the protocol: nobody can be answered. */
export class CallosumError extends Error {
  override readonly name = 'CallosumError';
}

const kinds: ReadonlyMap<string, MessageKind> = new Map([
  ['UPPER', 'UPPER'],
  ['PING', 'PING'],
  ['PONG', 'PONG'],
]);
const maxKind = 5;

/** A message with its parts still in bytes. */
export interface Envelope {
  readonly routing: readonly Uint8Array[];
  readonly kind: MessageKind;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** The message in these frames, read from the end; null for fewer than three, or for an unknown kind. */
export function openEnvelope(frames: readonly Uint8Array[]): Envelope | null {
  const count = frames.length;
  const [word, header, data] = [frames[count - 3], frames[count - 2], frames[count - 1]];
  if (!word || !header || !data || word.length > maxKind) return null;
  const kind = kinds.get(String.fromCharCode(...word));
  return kind ? { routing: frames.slice(0, -3), kind, header, data } : null;
}

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

/** The longest data frame that is read, also after it is unpacked. */
export const maxDataBytes = 32 * 1024 * 1024;

/** What a failure says: class name, `repr` and traceback, in the manner of Python. */
export type FailureParts = readonly [className: string, repr: string, traceback: string];

const noMeta = new Uint8Array(0);
const emptyArray = Uint8Array.of(0x90);

/** A data frame with its parts still in bytes; `body` is null where no value travels. */
export interface MessageData {
  readonly meta: Uint8Array;
  readonly body: Uint8Array | null;
}

/** Reads a data frame. Throws MsgpackError or SnappyError. */
export function decodeData(frame: Uint8Array, compressed: boolean): MessageData {
  if (frame.length > maxDataBytes) {
    throw new MsgpackError(`a message of ${frame.length} bytes is too long, ${maxDataBytes} are taken`);
  }
  const fields = decodeMsgpack(compressed ? decompressSnappy(frame, maxDataBytes) : frame);
  if (fields === null || typeof fields !== 'object' || !('body' in fields)) {
    throw new MsgpackError('the data has no body');
  }
  const meta = 'meta' in fields ? fields.meta : null;
  const { body } = fields;
  if (meta !== null && !(meta instanceof Uint8Array)) throw new MsgpackError('meta is not bytes');
  if (body !== null && !(body instanceof Uint8Array)) throw new MsgpackError('the body is not bytes');
  return { meta: meta ?? noMeta, body };
}

/** The data of a result. */
export function encodeResultData(value: MsgpackValue): Uint8Array {
  return encodeMsgpack({ meta: emptyArray, body: encodeMsgpack(value) });
}

/** The data of a failure. */
export function encodeFailureData(parts: FailureParts): Uint8Array {
  return encodeMsgpack({ meta: encodeMsgpack(parts), body: null });
}

/** The data of a message that carries nothing: CANCEL and CANCELLED. */
export const emptyData: Uint8Array = encodeMsgpack({ meta: emptyArray, body: null });

/** The arguments of a call, as they came. */
export interface CallArguments {
  readonly args: readonly MsgpackValue[];
  readonly kwargs: Readonly<Record<string, MsgpackValue>>;
}

const none: CallArguments = { args: [], kwargs: {} };

/**
 * Reads the body of a request; nil means a call without arguments. Throws MsgpackError, ExtensionError or PickleError.
 */
export function decodeRequestBody(bytes: Uint8Array | null): CallArguments {
  if (bytes === null) throw new MsgpackError('the request has no body');
  const body = decodePlain(bytes);
  if (body === null) return none;
  if (typeof body !== 'object' || !('args' in body) || !('kwargs' in body)) {
    throw new MsgpackError('the body of a request has no args or no kwargs');
  }
  const { args, kwargs } = body;
  if (!Array.isArray(args)) throw new MsgpackError('args of a request is no array');
  if (kwargs === null || typeof kwargs !== 'object' || Object.getPrototypeOf(kwargs) !== Object.prototype) {
    throw new MsgpackError('kwargs of a request is no map of texts');
  }
  return { args, kwargs: kwargs as Readonly<Record<string, MsgpackValue>> };
}
