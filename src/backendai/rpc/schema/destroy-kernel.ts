import { z } from 'zod';
import { define } from './define.ts';
import { kernelId, nothing, sessionId } from './fields.ts';

/** `destroy_kernel`: returns when nothing of the kernel is left; the reason is free text (spec rpc 8.7). */
export const destroyKernel = define(
  'destroy_kernel',
  {
    kernel_id: kernelId,
    session_id: sessionId,
    reason: z.string().nullable().default(null),
    suppress_events: z.boolean().default(false),
  },
  nothing,
);
