/** Streams of events that outlive the daemon: after a break they are opened again, behind what has been taken. */
import { type Clock, sleep, systemClock } from '../lib/clock.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import type { ApiClient } from './api-client.ts';
import type { RetryPolicy } from './transport.ts';

/** How long a daemon may be away before it counts as gone. */
const awayTimeoutMs = 30_000;
const pauseMs = 50;

/**
 * Events of `open`, which opens the stream behind the last event that its caller has taken, for ever: the caller leaves
 * the loop. Rejects with DAEMON_UNREACHABLE when the daemon stays away, the signal's reason, or what the API answers.
 */
export async function* resumeStream<T>(
  open: (retry: RetryPolicy) => Promise<AsyncIterable<T>>,
  signal: AbortSignal,
  clock: Clock = systemClock,
): AsyncGenerator<T> {
  let thereAt = clock.monotonic();
  for (let retry: RetryPolicy = 'while-socket'; ; retry = 'always') {
    try {
      const events = await open(retry);
      try {
        yield* events;
      } finally {
        // A stream may be silent for as long as it likes: the daemon was there until its end.
        thereAt = clock.monotonic();
      }
    } catch (error) {
      const away = clock.monotonic() - thereAt;
      if (!hasCode(error, 'DAEMON_UNREACHABLE', 'SHUTTING_DOWN') || away > awayTimeoutMs) throw error;
    }
    await sleep(clock, pauseMs, signal);
  }
}

/** The run, and the event behind which to begin. */
export interface RunStreamOptions {
  readonly client: Pick<ApiClient, 'runEvents'>;
  readonly kernel: string;
  readonly run: string;
  /** Only events with a higher number; 0 when absent. */
  readonly after?: number;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Follows a run up to and with `finished`. Rejects with DAEMON_UNREACHABLE when the daemon stays away. */
export async function* followRun(options: RunStreamOptions): AsyncGenerator<NumberedRunEvent> {
  const { client, kernel, run, signal, clock } = options;
  let last = options.after ?? 0;
  const stream = resumeStream((retry) => client.runEvents(kernel, run, last, { signal, retry }), signal, clock);
  for await (const event of stream) {
    if (event.n <= last) continue;
    if (event.n !== last + 1 && event.event.kind !== 'dropped')
      throw new KerneletError('PROTOCOL_ERROR', lostText(last, event.n));
    last = event.n;
    yield event;
    if (event.event.kind === 'finished') return;
  }
}

const lostText = (last: number, next: number): string =>
  `output was lost: event ${next} came after event ${last} of the run`;
