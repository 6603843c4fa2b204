/** Opening a connection to a runner that may not listen yet: quickly at first, so that a start is not delayed. */
import { type Clock, sleep } from '../lib/clock.ts';
import { hasCode } from '../lib/errors.ts';
import { Connection, type ConnectionOptions, type Welcome } from './connection.ts';

/** How to try. */
export interface RetryPace {
  /** The pause between attempts during the first `quickForMs`. */
  readonly quickMs: number;
  readonly quickForMs: number;
  /** The pause grows to this. */
  readonly slowMs: number;
}

/** The pace for a runner that starts: ready a few milliseconds after it listens, cheap when it never does. */
export const startPace: RetryPace = { quickMs: 5, quickForMs: 2000, slowMs: 100 };

/** The pause after `attempts` attempts. */
export function pauseMs(pace: RetryPace, attempts: number): number {
  const slow = attempts - pace.quickForMs / pace.quickMs;
  return slow <= 0 ? pace.quickMs : Math.min(pace.slowMs, pace.quickMs * 1.5 ** slow);
}

/**
 * Opens a connection, trying again while nobody listens or answers. Rejects with a RunnerRefusal, PROTOCOL_ERROR, or
 * the signal's reason.
 */
export async function connectWithRetry(
  options: ConnectionOptions & { readonly clock: Clock; readonly pace: RetryPace },
): Promise<{ connection: Connection; welcome: Welcome }> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await Connection.open(options);
    } catch (thrown) {
      if (options.signal.aborted || !hasCode(thrown, 'CONNECTION_LOST')) throw thrown;
    }
    await sleep(options.clock, pauseMs(options.pace, attempts), options.signal);
  }
}
