/**
 * Callosum messages (spec rpc 2.2–2.5): three frames `kind`, `header`, `data` behind whatever routes them.
 *
 *   UPPER  header {type, meth, okey, seq, zip}   data {meta: bin, body: bin | nil}
 *   PING   two frames of anything, which the PONG repeats
 */

/** Kinds of messages. */
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
