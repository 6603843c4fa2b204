/** `restart_kernel` (spec rpc 8.11, observed 1): files, ports and resources stay what they are. */
import { KerneletError } from '../../lib/errors.ts';
import { method } from '../rpc-method.ts';
import { restartKernel as signature } from '../schema/restart-kernel.ts';

/** Makes the kernel's container anew. */
export const restartKernel = method({
  signature,
  notable: true,
  failures: { KERNEL_NOT_FOUND: 'FileNotFoundError', KERNEL_DIED: 'FileNotFoundError' },
  handle: async ({ kernel_id: id, updated_config: changes }, { services: { agent, infoOf }, signal }) => {
    if (Object.keys(changes).length > 0) {
      throw new KerneletError('NOT_SUPPORTED', 'this version restarts kernels as they are: give no changes');
    }
    await agent.restart(id, signal);
    const { container_id, repl_in_port, repl_out_port, stdin_port, stdout_port, service_ports } = infoOf(id);
    const ports = { repl_in_port, repl_out_port, stdin_port, stdout_port, service_ports };
    return signature.result.parse({ container_id, ...ports });
  },
});
