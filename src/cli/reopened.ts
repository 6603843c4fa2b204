/** A stream of events that outlives the daemon: after a break it is opened again. */
import { type Clock, sleep, systemClock } from '../lib/clock.ts';
import { hasCode } from '../lib/errors.ts';
import type { Patience } from './transport.ts';

/** How long a daemon may be away before it counts as gone. */
const patienceMs = 30_000;
const pauseMs = 50;

/**
 * Events of `open`, which opens the stream behind the last event that its caller has taken, for ever: the caller leaves
 * the loop. Rejects with DAEMON_UNREACHABLE when the daemon stays away, the signal's reason, or what the API answers.
 */
export async function* reopened<T>(
  open: (patience: Patience) => Promise<AsyncIterable<T>>,
  signal: AbortSignal,
  clock: Clock = systemClock,
): AsyncGenerator<T> {
  let thereAt = clock.monotonic();
  for (let patience: Patience = 'while-socket'; ; patience = 'always') {
    try {
      const events = await open(patience);
      try {
        yield* events;
      } finally {
        // A stream may be silent for as long as it likes: the daemon was there until its end.
        thereAt = clock.monotonic();
      }
    } catch (error) {
      const away = clock.monotonic() - thereAt;
      if (!hasCode(error, 'DAEMON_UNREACHABLE', 'SHUTTING_DOWN') || away > patienceMs) throw error;
    }
    await sleep(clock, pauseMs, signal);
  }
}
