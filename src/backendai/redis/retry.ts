/**
 * When Redis is tried again. A connection that has ended is made anew by the next command (`link.ts`); commands fail at once
 * when it cannot be made, and nothing waits there. What must get through, or must go on, tries again after the pauses of this
 * file; rounds of statistics don't, since the next one is newer, and what is written once after a start has the pauses of
 * everything else (`lib/retry.ts`). How long a server may take is in `settings.ts`, unless the caller has a bound of its own.
 */
import type { Clock } from '../../lib/clock.ts';
import { Backoff } from '../../lib/retry.ts';

/** First words of the errors with which a server says that it cannot do it now, or that another one should. */
const transient: ReadonlySet<string> = new Set([
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'NOREPLICAS',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'UNBLOCKED',
  'MISCONF',
  'BUSY',
]);

/** Whether the same command may succeed later, after an error of this first word: REDIS_UNAVAILABLE, else REDIS_REFUSED. */
export const isTransientError = (word: string): boolean => transient.has(word);

/** After a heartbeat that failed, the next one doesn't wait for its interval. */
export const heartbeatRetryMs = 2_000;

/** Between attempts to send what waits in the outbox, for as long as it takes. */
export const outboxBackoff = (clock: Clock): Backoff => new Backoff({ initialMs: 300, maximumMs: 5_000, clock });

/** Between attempts to read events, for as long as it takes; the first pause is what the cluster's configuration says. */
export const readingBackoff = (initialMs: number, clock: Clock): Backoff =>
  new Backoff({ initialMs, maximumMs: 15_000, clock });

/** Between attempts to write how a background task ended; after `taskRecordMs` it is given up. */
export const taskRecordBackoff = (clock: Clock): Backoff => new Backoff({ initialMs: 500, maximumMs: 5_000, clock });

/** How long the record of a task's end is tried to be written; the event of the end is published all the same. */
export const taskRecordMs = 30_000;
