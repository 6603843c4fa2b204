/**
 * The manager's side of the wire, which reads what an agent writes and writes what it reads: for vectors, peers and
 * benchmarks.
 */
import { inflateSync } from 'node:zlib';
import type { FailureParts } from '../../src/backendai/wire/callosum.ts';
import { type AgentEventName, argumentOrder, StreamEntryError } from '../../src/backendai/wire/events/agent-event.ts';
import { decodePlain } from '../../src/backendai/wire/extension.ts';
import { decodeMsgpack } from '../../src/backendai/wire/msgpack/decode.ts';
import { encodeMsgpack } from '../../src/backendai/wire/msgpack/encode.ts';
import { MsgpackError, type MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';

/** The data frame of a request (spec rpc 2.4); the body holds `args` and `kwargs`. */
export function encodeRequestData(body: MsgpackValue): Uint8Array {
  return encodeMsgpack({ meta: new Uint8Array(0), body: encodeMsgpack(body) });
}

/** What the `meta` of a failure says. Throws MsgpackError. */
export function decodeFailure(meta: Uint8Array): FailureParts {
  const parts = decodeMsgpack(meta);
  if (!Array.isArray(parts) || parts.length !== 3 || parts.some((part) => typeof part !== 'string')) {
    throw new MsgpackError('a failure is not three texts');
  }
  return parts as [string, string, string];
}

const largestImageList = 64 * 1024 * 1024;

/** Reads the list of images of a heartbeat, which `compressImages` made. Throws MsgpackError. */
export function inflateImages(blob: Uint8Array): MsgpackValue {
  try {
    return decodeMsgpack(inflateSync(blob, { maxOutputLength: largestImageList }));
  } catch (cause) {
    if (cause instanceof MsgpackError) throw cause;
    throw new MsgpackError('the list of images cannot be inflated', { cause });
  }
}

/** Whether an event is one that agents send or read. */
export function isAgentEvent(name: string): name is AgentEventName {
  return Object.hasOwn(argumentOrder, name);
}

/** An event on the Redis stream `events` (spec cluster-state 4.3). */
export interface StreamEvent {
  readonly name: string;
  /** The agent's id; events of background tasks say `manager` upstream. */
  readonly source: string;
  readonly args: readonly MsgpackValue[];
}

/** The fields of an entry. */
interface StreamFields {
  readonly name: Uint8Array;
  readonly source: Uint8Array;
  readonly args: Uint8Array;
}

/** The fields of an event, in the order in which upstream adds them. */
export function encodeStreamEvent({ name, source, args }: StreamEvent): StreamFields {
  return { name: Buffer.from(name), source: Buffer.from(source), args: encodeMsgpack(args) };
}

/**
 * Reads an entry; fields that are not known are left alone, and extension values come out in portable form. Throws
 * StreamEntryError, or what decoding throws. With `faithful`, encoding the result gives the same bytes.
 */
export function decodeStreamEvent(
  fields: Readonly<Partial<Record<string, Uint8Array>>>,
  options: { faithful?: boolean } = {},
): StreamEvent {
  const name = text(fields['name'], 'name');
  const source = text(fields['source'], 'source');
  const args = fields['args'] ? decodePlain(fields['args'], options) : null;
  if (!Array.isArray(args)) throw new StreamEntryError(`args of the event ${name.slice(0, 80)} is no array`);
  return { name, source, args };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function text(field: Uint8Array | undefined, what: string): string {
  if (!field) throw new StreamEntryError(`an entry has no ${what}`);
  try {
    return decoder.decode(field);
  } catch (cause) {
    throw new StreamEntryError(`${what} of an entry is not valid UTF-8`, { cause });
  }
}
