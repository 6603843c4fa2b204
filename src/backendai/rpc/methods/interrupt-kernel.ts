/** `interrupt_kernel`; the map is for 26.8, and 24.09 takes either (spec rpc 8.8). */
import { z } from 'zod';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
  'interrupt_kernel',
  { kernel_id: kernelId },
  z.strictObject({ status: z.literal('finished') }).nullable(),
);

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
