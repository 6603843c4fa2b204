/** `ping_kernel`: what the kernel's runner says (spec rpc 8.4). */
import { z } from 'zod';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('ping_kernel', { kernel_id: kernelId }, z.looseObject({ started_at: z.number() }).nullable());

/** When the kernel's runner began, in seconds; nothing when the runner is not heard. */
export const pingKernel = method({
  signature,
  waitsOnly: true,
  handle: async ({ kernel_id }, { services: { agent } }) => {
    const { runner } = await agent.inspect(kernel_id);
    return runner ? { started_at: runner.startedAt / 1000 } : null;
  },
});
