/** The event stream of the cluster: its entries and how they are added (spec cluster-state 4.3). */
import type { RedisCommand } from './connection.ts';
import type { RedisSender } from './link.ts';

/** The stream's key. */
export const eventStreamKey = 'events';

/**
 * Entries that the stream keeps at least, when nobody else trims it: managers trim it to little more than a hundred
 * while they live.
 */
export const defaultStreamLength = 10_000;

/** An event as it goes over the wire. */
export interface EncodedEvent {
  readonly name: string;
  /** The agent's id, or `manager` for what has no agent. */
  readonly source: string;
  /** A MessagePack array. */
  readonly args: Uint8Array;
}

/** The fields of an entry, in the order that upstream writes them. */
export function eventFields({ name, source, args }: EncodedEvent): readonly (string | Buffer)[] {
  return ['name', name, 'source', source, 'args', bytesOf(args)];
}

/** Adds entries to the stream, which is bounded. One that fails may have been added. */
export class EventWriter {
  readonly #link: RedisSender;
  readonly #length: number;

  constructor(link: RedisSender, length = defaultStreamLength) {
    this.#link = link;
    this.#length = length;
  }

  /** Adds an entry. Throws REDIS_UNAVAILABLE, REDIS_REFUSED. */
  async add(event: EncodedEvent, timeoutMs?: number): Promise<void> {
    const command: RedisCommand = ['XADD', eventStreamKey, 'MAXLEN', '~', String(this.#length), '*'];
    await this.#link.send([[...command, ...eventFields(event)]], timeoutMs);
  }
}

/** The same bytes as the client takes them. */
export function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
