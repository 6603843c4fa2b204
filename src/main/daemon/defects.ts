/**
 * What nothing has caught ends the daemon with the status of a defect (spec config-and-ops 11.2), so that its service
 * manager starts it again: Node's own would be that of a refused configuration.
 */
import { daemonStatus } from '../../cli/daemon-status.ts';
import type { Logger } from '../../lib/log.ts';

/** Watches this process until disposed. */
export function endOnDefects(log: Logger): Disposable {
  const end = (error: unknown): never => {
    const stack = error instanceof Error ? error.stack : undefined;
    log.error('a defect of kernelet ends this daemon; kernels go on', { error, stack });
    process.exit(daemonStatus.internal);
  };
  process.on('uncaughtException', end);
  return { [Symbol.dispose]: () => void process.off('uncaughtException', end) };
}
