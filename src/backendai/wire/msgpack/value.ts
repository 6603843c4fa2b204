/**
 * What MessagePack carries (spec rpc 3.1). Text and bytes stay apart, integers beyond 2^53 are bigints, and a map whose
 * keys are not all text is a Map.
 */

/** A value that can be encoded, and what decoding gives. `undefined` fields of objects are left out. */
export type MsgpackValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float
  | Ext
  | readonly MsgpackValue[]
  | ReadonlyMap<MsgpackValue, MsgpackValue>
  | { readonly [key: string]: MsgpackValue | undefined };

/** A float64 that stays one on the wire even when it is integral (`2.0`). */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A value of an extension type that nobody has interpreted: it is passed on as it came. */
export class Ext {
  /** −128 … 127. */
  readonly code: number;
  readonly data: Uint8Array;
  constructor(code: number, data: Uint8Array) {
    this.code = code;
    this.data = data;
  }
}

/** Bytes that are not MessagePack of this dialect, or a value that it cannot carry. */
export class MsgpackError extends Error {
  override readonly name = 'MsgpackError';
}

/** Arrays and maps may be nested this deep, in both directions. */
export const deepestNesting = 128;
