/** The body of a request: positional and named arguments (spec rpc 2.4), extension values in portable form. */
import { decodePlain } from '../extensions/plain.ts';
import { MsgpackError, type MsgpackValue } from '../msgpack/value.ts';

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
