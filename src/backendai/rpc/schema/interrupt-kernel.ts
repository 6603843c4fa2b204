import { z } from 'zod';
import { define } from './define.ts';
import { kernelId } from './fields.ts';

/** `interrupt_kernel`; the map is for 26.8, and 24.09 takes either (spec rpc 8.8). */
export const interruptKernel = define(
  'interrupt_kernel',
  { kernel_id: kernelId },
  z.strictObject({ status: z.literal('finished') }).nullable(),
);
