/** `ping_kernel` (spec rpc 8.4). */
import { method } from '../rpc-method.ts';
import { pingKernel as signature } from '../schema/ping-kernel.ts';

/** When the kernel's runner began, in seconds; nothing when the runner is not heard. */
export const pingKernel = method({
  signature,
  waitsOnly: true,
  handle: async ({ kernel_id }, { services: { agent } }) => {
    const { runner } = await agent.inspect(kernel_id);
    return runner ? { started_at: runner.startedAt / 1000 } : null;
  },
});
