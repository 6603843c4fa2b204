/** Ends kernels that managers know nothing of, or no longer. */
import type { KernelId } from '../lib/ids.ts';
import type { RpcCall } from './rpc-method.ts';

/** Begins to end a kernel; its end is not told, and a failure goes into the log. */
export function endInBackground(id: KernelId, reason: string, { services, log }: RpcCall): void {
  services.news.keepQuiet(id);
  services.agent.destroy(id, { force: false, reason }).catch((error: unknown) => {
    log.warn('a kernel that the manager does not want could not be ended', { kernel: id, reason, error });
  });
}
