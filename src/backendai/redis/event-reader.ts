/**
 * Reading the events that are meant for everybody (spec cluster-state 4.4). It neither joins a group nor trims, so that
 * it takes nothing from the managers, and goes on where it was after a lost connection.
 */
import type { Clock } from '../../lib/clock.ts';
import { raceWithSignal } from '../../lib/deadline.ts';
import type { Logger } from '../../lib/log.ts';
import { retry } from '../../lib/retry.ts';
import type { RedisReply } from './connection.ts';
import { type EncodedEvent, eventStreamKey } from './event-stream.ts';
import type { RedisLink } from './link.ts';
import { readingBackoff } from './retry.ts';

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
