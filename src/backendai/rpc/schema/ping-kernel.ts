import { z } from 'zod';
import { define } from './define.ts';
import { kernelId } from './fields.ts';

/** `ping_kernel`: what the kernel's runner says (spec rpc 8.4). */
export const pingKernel = define(
  'ping_kernel',
  { kernel_id: kernelId },
  z.looseObject({ started_at: z.number() }).nullable(),
);
