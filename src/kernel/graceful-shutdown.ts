/**
 * The graceful shutdown before a destruction: the runner is asked to end the tenant's processes and then itself, and a moment is
 * given to it. A container that ends by itself is gone sooner than one that the engine has to kill; what is left is
 * removed by force afterwards whatever came of this, so every failure here is ignored.
 */

import type { Clock } from '../lib/clock.ts';
import { Deadline, raceWithSignal } from '../lib/deadline.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';

/** How long the grace lasts, and what cuts it short. */
export interface GracefulShutdownOptions {
  /** How long the tenant's processes may take; with 0 they are killed at once. */
  readonly graceMs: number;
  readonly clock: Clock;
  /** Ends it at once. */
  readonly skip: AbortSignal;
  /** Resolves when the container has ended, by the engine's word. */
  readonly untilEnded: (signal: AbortSignal) => Promise<unknown>;
}

/** Time beyond the tenant's grace in which the runner and its container may end. */
const marginMs = 500;

/** Resolves when the container has ended or cannot be expected to, when the time is over, or when `skip` aborts. */
export async function shutDownGracefully(client: RunnerClient, options: GracefulShutdownOptions): Promise<void> {
  using deadline = new Deadline({
    what: 'the grace before removal',
    timeoutMs: options.graceMs + marginMs,
    signal: options.skip,
    clock: options.clock,
  });
  if (deadline.signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const settled = new AbortController();
  const left = Promise.withResolvers<void>();
  using _subscription = client.subscribe((event) => {
    if (event.type === 'disconnected') left.resolve();
  });
  // Without the engine's word that the runner has gone must do.
  options.untilEnded(settled.signal).then(
    () => resolve(),
    () => left.promise.then(resolve),
  );
  client.request('shutdown', { graceMs: options.graceMs }, { signal: deadline.signal }).catch(() => resolve());
  await raceWithSignal(promise, deadline.signal).catch(() => {});
  settled.abort();
}
