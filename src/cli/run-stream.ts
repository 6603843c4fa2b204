/**
 * The events of a run, each exactly once, through daemons that die and come back: after a break the stream is opened
 * again behind the last event that was taken.
 */
import { type Clock, sleep, systemClock } from '../lib/clock.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { NumberedRunEvent } from '../wire/run-event.ts';
import type { ApiClient } from './api-client.ts';
import { decodeRunEvent } from './run-event-decoder.ts';

/** How long nothing may come through before the daemon counts as gone. */
const patienceMs = 30_000;
const pauseMs = 50;

/** Which run to follow. */
export interface RunStreamOptions {
  readonly client: ApiClient;
  readonly kernel: string;
  readonly run: string;
  /** Only events with a higher number; 0 when absent. */
  readonly after?: number;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Follows a run up to and with `finished`. Rejects with DAEMON_UNREACHABLE when the daemon stays away. */
export async function* followRun(options: RunStreamOptions): AsyncGenerator<NumberedRunEvent> {
  const clock = options.clock ?? systemClock;
  let last = options.after ?? 0;
  let heardAt = clock.monotonic();
  for (let first = true; ; first = false) {
    try {
      for await (const { data } of options.client.runEvents(options.kernel, options.run, last, {
        signal: options.signal,
        patience: first ? 'while-socket' : 'always',
      })) {
        const event = decodeRunEvent(data);
        if (event.n <= last) continue;
        if (event.n !== last + 1) throw new KerneletError('PROTOCOL_ERROR', lostText(last, event.n));
        last = event.n;
        yield event;
        if (event.event.kind === 'finished') return;
        heardAt = clock.monotonic();
      }
    } catch (error) {
      if (!isBreak(error) || clock.monotonic() - heardAt > patienceMs) throw error;
    }
    if (clock.monotonic() - heardAt > patienceMs) {
      throw new KerneletError('DAEMON_UNREACHABLE', 'the daemon did not come back');
    }
    await sleep(clock, pauseMs, options.signal);
  }
}

const lostText = (last: number, next: number): string =>
  `output was lost: event ${next} came after event ${last} of the run`;

function isBreak(error: unknown): boolean {
  return (
    hasCode(error, 'DAEMON_UNREACHABLE', 'SHUTTING_DOWN') ||
    isSystemError(error, 'ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE')
  );
}
