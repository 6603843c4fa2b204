/** The data frame (spec rpc 2.4, 2.5): `meta` and `body`, each MessagePack inside bytes inside MessagePack. */

import { decodePlain } from '../extensions/plain.ts';
import { decodeMsgpack } from '../msgpack/decode.ts';
import { encodeMsgpack } from '../msgpack/encode.ts';
import { MsgpackError, type MsgpackValue } from '../msgpack/value.ts';
import { decompressSnappy } from '../snappy.ts';

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
