/**
 * Entries of the Redis stream `events` (spec cluster-state 4.3): three fields in bytes. What is sent has plain values
 * only; what is read may hold extension values, which come out in portable form.
 */
import { decodePlain } from '../extensions/plain.ts';
import { encodeMsgpack } from '../msgpack/encode.ts';
import type { MsgpackValue } from '../msgpack/value.ts';

/** An event on the stream. */
export interface StreamEvent {
  readonly name: string;
  /** The agent's id; events of background tasks say `manager` upstream. */
  readonly source: string;
  readonly args: readonly MsgpackValue[];
}

/** The fields of an entry. */
export interface StreamFields {
  readonly name: Uint8Array;
  readonly source: Uint8Array;
  readonly args: Uint8Array;
}

/** An entry that is none of this form. */
export class StreamEntryError extends Error {
  override readonly name = 'StreamEntryError';
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The fields of an event, in the order in which upstream adds them. */
export function encodeStreamEvent({ name, source, args }: StreamEvent): StreamFields {
  return { name: encoder.encode(name), source: encoder.encode(source), args: encodeMsgpack(args) };
}

/** The name alone: nothing else of an event that nobody wants is looked at. Throws StreamEntryError. */
export function nameOfEntry({ name }: Readonly<Partial<Record<string, Uint8Array>>>): string {
  return text(name, 'name');
}

/**
 * Reads an entry; fields that are not known are left alone. Throws StreamEntryError, or what decoding throws. With
 * `faithful`, encoding the result gives the same bytes.
 */
export function decodeStreamEvent(
  fields: Readonly<Partial<Record<string, Uint8Array>>>,
  options: { faithful?: boolean } = {},
): StreamEvent {
  const name = nameOfEntry(fields);
  const source = text(fields['source'], 'source');
  const args = fields['args'] ? decodePlain(fields['args'], options) : null;
  if (!Array.isArray(args)) throw new StreamEntryError(`args of the event ${name.slice(0, 80)} is no array`);
  return { name, source, args };
}

function text(field: Uint8Array | undefined, what: string): string {
  if (!field) throw new StreamEntryError(`an entry has no ${what}`);
  try {
    return decoder.decode(field);
  } catch (cause) {
    throw new StreamEntryError(`${what} of an entry is not valid UTF-8`, { cause });
  }
}
