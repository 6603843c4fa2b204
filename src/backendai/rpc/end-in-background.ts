/** Ends kernels that managers know nothing of, or no longer. */
import { hasCode } from '../../lib/errors.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { RpcCall } from './rpc-method.ts';

/** Begins to end a kernel; its end is not told, and a failure goes into the log. */
export function endInBackground(id: KernelId, reason: string, { services, log }: RpcCall): void {
  const end = async (): Promise<void> => {
    await services.news.suppressTermination(id);
    await services.agent.destroy(id, { force: false, reason });
  };
  end().catch((error: unknown) => {
    if (hasCode(error, 'KERNEL_NOT_FOUND', 'KERNEL_NOT_RUNNING')) return;
    log.warn('a kernel that the manager does not want could not be ended', { kernel: id, reason, error });
  });
}
