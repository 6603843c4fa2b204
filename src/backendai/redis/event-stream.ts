/**
 * The event stream of the cluster: its entries, how they are added (spec cluster-state 4.3), and how those that are meant for
 * everybody are read (4.4).
 *
 * What must arrive exactly once is appended by a script on the server: it compares the sequence number that it stored of
 * this agent with those of the batch, adds what is new and advances the number, all at once. A batch whose answer was lost
 * is sent again and adds nothing. Only a server that lost what it had acknowledged can lose or repeat.
 *
 * Reading neither joins a group nor trims, so that it takes nothing from the managers, and goes on where it was after a
 * lost connection.
 */

import type { Clock } from '../../lib/clock.ts';
import { raceWithSignal } from '../../lib/deadline.ts';
import type { Logger } from '../../lib/log.ts';
import { retry } from '../../lib/retry.ts';
import type { RedisCommand, RedisReply } from './connection.ts';
import type { RedisLink, RedisSender } from './link.ts';
import { readingBackoff } from './retry.ts';

/** The stream's key in database 4. */
const eventStreamKey = 'events';

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
  /** Its arguments as one MessagePack array. */
  readonly args: Uint8Array;
}

/** The fields of an entry, in the order that upstream writes them. */
function eventFields({ name, source, args }: EncodedEvent): readonly (string | Buffer)[] {
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

/** Events of one source of numbers, in order and without gap. */
export interface SequencedBatch {
  /** Names the series of numbers; a new series begins where it likes. */
  readonly series: string;
  /** The number of the first event. */
  readonly first: number;
  readonly events: readonly EncodedEvent[];
}

/** What the server has after a batch. */
export interface AppendResult {
  /** The last number that it has of this series. */
  readonly last: number;
}

const script = `
local stored = redis.call('HMGET', KEYS[1], 'series', 'sequence')
local first = tonumber(ARGV[2])
local last = first - 1
if stored[1] == ARGV[1] and tonumber(stored[2]) > last then last = tonumber(stored[2]) end
local sequence = first
for at = 4, #ARGV, 3 do
  if sequence > last then
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*',
      'name', ARGV[at], 'source', ARGV[at + 1], 'args', ARGV[at + 2])
    last = sequence
  end
  sequence = sequence + 1
end
if #ARGV >= 4 then redis.call('HSET', KEYS[1], 'series', ARGV[1], 'sequence', string.format('%.0f', last)) end
return string.format('%.0f', last)
`;

/** The key of an agent's number. */
export const sequenceKey = (agentId: string): string => `kernelet.outbox.${agentId}`;

/** Appends numbered events of one agent exactly once. */
export class SequencedAppender {
  readonly #link: RedisSender;
  readonly #key: string;
  readonly #length: number;

  constructor(link: RedisSender, agentId: string, streamLength = defaultStreamLength) {
    this.#link = link;
    this.#key = sequenceKey(agentId);
    this.#length = streamLength;
  }

  /**
   * Appends what the server doesn't have; with no events, asks where it is. Throws REDIS_UNAVAILABLE, REDIS_REFUSED; the
   * batch may then be there, and is sent again as it is.
   */
  async append({ series, first, events }: SequencedBatch): Promise<AppendResult> {
    const fields = events.flatMap(({ name, source, args }) => [name, source, bytesOf(args)]);
    const keys = ['2', this.#key, eventStreamKey];
    const [reply = null] = await this.#link.send([
      ['EVAL', script, ...keys, series, String(first), String(this.#length), ...fields],
    ]);
    return { last: numberOf(reply) };
  }
}

function numberOf(reply: RedisReply): number {
  return Number(String(reply));
}

/** The same bytes as the client takes them. */
export function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Which events are read, and over which connection. */
export interface EventReaderOptions {
  /** A link of its own: reading blocks it. */
  readonly link: RedisLink;
  /** Events with other names are passed over unread. */
  readonly names: ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Before the first attempt after a failure; later pauses are longer. */
  readonly retryPauseMs: number;
}

const blockMs = 10_000;
/** How much longer than its block a reading may take. */
const graceMs = 10_000;
const maxEntries = 100;

/** The events from now on, until the signal aborts, whose reason is thrown. */
export async function* readEvents(
  options: EventReaderOptions,
  signal: AbortSignal,
): AsyncGenerator<EncodedEvent, void> {
  const { link, names, clock, log, retryPauseMs } = options;
  let place: string | null = null;
  /** Whether the place must be compared with the stream's end: a server may have come back empty, with earlier ids. */
  let unsure = true;
  const backoff = readingBackoff(retryPauseMs, clock);
  const isRetryable = (error: unknown): boolean => {
    if (backoff.attempts === 0) log.warn('events cannot be read; trying again', { error });
    unsure = true;
    return true;
  };
  for (;;) {
    const entries = await retry({ backoff, signal, isRetryable }, async () => {
      if (unsure) {
        const end = await endOfStream(link);
        if (place === null || isBefore(end, place)) place = end;
        unsure = false;
      }
      return await readAfter(link, place ?? '0-0', signal);
    });
    if (backoff.attempts > 0) log.info('events are read again');
    backoff.reset();
    for (const { id, fields } of entries) {
      place = id;
      const event = toEvent(fields, names);
      if (event) yield event;
    }
  }
}

interface Entry {
  readonly id: string;
  readonly fields: readonly RedisReply[];
}

async function endOfStream(link: RedisLink): Promise<string> {
  const [newest] = toEntries(await link.call(['XREVRANGE', eventStreamKey, '+', '-', 'COUNT', '1']));
  return newest?.id ?? '0-0';
}

async function readAfter(link: RedisLink, id: string, signal: AbortSignal): Promise<readonly Entry[]> {
  const options = ['COUNT', String(maxEntries), 'BLOCK', String(blockMs)];
  const reading = link.call(['XREAD', ...options, 'STREAMS', eventStreamKey, id], blockMs + graceMs);
  // The blocked reading ends by itself within its bounds; nobody waits for it after an abort.
  const reply = await raceWithSignal(reading, signal);
  const [stream] = Array.isArray(reply) ? reply : [];
  return Array.isArray(stream) ? toEntries(stream[1] ?? null) : [];
}

function toEntries(reply: RedisReply): readonly Entry[] {
  if (!Array.isArray(reply)) return [];
  return reply.flatMap((entry: RedisReply) => {
    if (!Array.isArray(entry) || !Array.isArray(entry[1])) return [];
    return [{ id: String(entry[0]), fields: entry[1] }];
  });
}

function toEvent(fields: readonly RedisReply[], names: ReadonlySet<string>): EncodedEvent | null {
  const values = new Map<string, RedisReply>();
  for (let at = 0; at + 1 < fields.length; at += 2) values.set(String(fields[at]), fields[at + 1] ?? null);
  const name = String(values.get('name'));
  const args = values.get('args');
  if (!names.has(name) || !Buffer.isBuffer(args)) return null;
  return { name, source: String(values.get('source') ?? ''), args };
}

/** Whether an id of an entry, `milliseconds-number`, comes before another. */
export function isBefore(a: string, b: string): boolean {
  const [aTime = 0n, aNumber = 0n] = a.split('-').map(BigInt);
  const [bTime = 0n, bNumber = 0n] = b.split('-').map(BigInt);
  return aTime === bTime ? aNumber < bNumber : aTime < bTime;
}
