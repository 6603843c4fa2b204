/** The end of all kernels of a node that keeps none over a stop (spec config-and-ops 14). */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Agent } from './agent.ts';

/** When kernels may be ended, and how long to wait for it. */
export interface EndKernelsOptions {
  /** Aborted by whoever asks for a stop. A daemon that ends for another reason is started again, and keeps its kernels. */
  readonly stop: AbortSignal;
  /** Those that have not ended by then are left to the next start, which keeps them; a minute when absent. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const usualTimeoutMs = 60_000;

/**
 * Ends the kernels that run, side by side; creations under way are undone by the agent's own end. Never throws: a stop goes on
 * whatever the engine does.
 */
export async function endKernels(
  agent: Pick<Agent, 'status' | 'list' | 'destroy'>,
  { stop, timeoutMs = usualTimeoutMs, clock, log }: EndKernelsOptions,
): Promise<void> {
  if (!stop.aborted) {
    log.warn('kernels are kept: nobody has asked for a stop');
    return;
  }
  if ((await agent.status()).phase !== 'ready') {
    log.warn('kernels are kept: they have not been taken over yet');
    return;
  }
  const running = (await agent.list({ all: false })).filter(({ phase }) => phase !== 'creating');
  let left = running.length;
  const end = async (id: string): Promise<void> => {
    try {
      await agent.destroy(id, { force: false, reason: 'agent-termination' });
    } catch (error) {
      // One that has ended by itself in between is what was wanted.
      if (!hasCode(error, 'KERNEL_NOT_FOUND', 'KERNEL_NOT_RUNNING')) throw error;
    }
    left -= 1;
  };
  const endings = running.map(({ id }) =>
    end(id).catch((error: unknown) => log.warn('a kernel could not be ended', { kernel: id, error })),
  );
  await withDeadline({ what: 'the end of all kernels', timeoutMs, clock }, () => Promise.all(endings)).catch(() => {});
  log.info('kernels are ended, since the node keeps none', { ended: running.length - left, left });
}
