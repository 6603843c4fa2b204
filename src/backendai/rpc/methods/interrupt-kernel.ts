/** `interrupt_kernel` (spec rpc 8.8). */
import { method } from '../rpc-method.ts';
import { interruptKernel as signature } from '../schema/interrupt-kernel.ts';

/** Interrupts what the kernel executes; when that is nothing, nothing happens. */
export const interruptKernel = method({
  signature,
  notable: true,
  maxMs: 10_000,
  handle: async ({ kernel_id }, { services: { agent }, signal }) => {
    await agent.interrupt(kernel_id, null, signal);
    return { status: 'finished' as const };
  },
});
