/** Keeps the control connection to a runner: one after the other, as long as the kernel lives and the runner behaves. */
import { sleep } from '../lib/clock.ts';
import { hasCode, type KerneletError } from '../lib/errors.ts';
import { Backoff } from '../lib/retry.ts';
import { type Connection, connectWithRetry, type Welcome } from './connection.ts';
import type { RunnerAddress } from './runner-client.ts';
import { RunnerRefusal } from './runner-errors.ts';
import type { RunnerConnectionOptions } from './runner-options.ts';

/** Violations of the protocol after which the runner is given up: a tenant has taken it over. */
const maxViolations = 3;

/** A connection that lived less than this counts as a failed attempt. */
const shortLifeMs = 1000;

/** What the loop works with. */
export interface ReconnectParts
  extends Required<
    Pick<RunnerConnectionOptions, 'clock' | 'pauses' | 'greetingTimeoutMs' | 'log' | 'violationPauseMs'>
  > {
  readonly address: RunnerAddress;
  readonly signal: AbortSignal;
  /** Serves a connection; resolves with why it was closed. Throws PROTOCOL_ERROR for a greeting out of bounds. */
  readonly serve: (connection: Connection, welcome: Welcome) => Promise<KerneletError>;
  /** Counts a violation of the protocol; answers how many there were. */
  readonly countViolation: () => number;
}

/**
 * Connects, serves the connection until it is closed, and begins again, until the signal aborts. Throws the reason for which
 * a runner is given up: its refusal, PROTOCOL_ERROR, or what no further attempt would change.
 */
export async function keepConnected(parts: ReconnectParts): Promise<void> {
  const { address, clock, pauses, greetingTimeoutMs, log, violationPauseMs, signal } = parts;
  const target = { address, role: 'control', clock, signal, greetingTimeoutMs, pauses } as const;
  const backoff = new Backoff({ ...pauses, clock });
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    const reason = await connectWithRetry(target)
      .then(({ connection, welcome }) => parts.serve(connection, welcome))
      .catch((thrown: unknown) => thrown);
    if (signal.aborted) return;
    if (clock.monotonic() - startedAt >= shortLifeMs) backoff.reset();
    let pauseMs = backoff.nextMs();
    if (hasCode(reason, 'PROTOCOL_ERROR') && !(reason instanceof RunnerRefusal)) {
      log.warn('a runner broke the protocol', { reason: reason.message });
      if (parts.countViolation() >= maxViolations) throw reason;
      pauseMs = violationPauseMs;
    } else if (!hasCode(reason, 'CONNECTION_LOST')) {
      throw reason;
    }
    await sleep(clock, pauseMs, signal).catch(() => {});
  }
}
