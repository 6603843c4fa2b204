/**
 * The grace before a destruction: the runner is asked to end the tenant's processes, and a moment is given to it. The
 * container is removed by force afterwards whatever came of this, so every failure here is ignored.
 */
import type { RunnerClient } from '../execution/runner-client.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';

/** Time beyond the tenant's grace in which the runner itself may end. */
const marginMs = 500;

/** Resolves when the runner has ended its tenant and closed, when the time is over, or when `skip` aborts. */
export async function farewell(
  client: RunnerClient,
  options: { readonly graceMs: number; readonly clock: Clock; readonly skip: AbortSignal },
): Promise<void> {
  using deadline = new Deadline({
    what: 'the grace before removal',
    timeoutMs: options.graceMs + marginMs,
    signal: options.skip,
    clock: options.clock,
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  if (deadline.signal.aborted) return;
  deadline.signal.addEventListener('abort', () => resolve(), { once: true });
  using _subscription = client.subscribe((event) => {
    if (event.type === 'disconnected') resolve();
  });
  client.request('shutdown', { graceMs: options.graceMs }, { signal: deadline.signal }).catch(() => resolve());
  await promise;
}
