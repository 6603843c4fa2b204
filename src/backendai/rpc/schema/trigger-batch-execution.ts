import { z } from 'zod';
import { define } from './define.ts';
import { kernelId, nothing, sessionId } from './fields.ts';

/** `trigger_batch_execution`; the fourth argument came with 24.12 (spec rpc 8.13, 9.3). */
export const triggerBatchExecution = define(
  'trigger_batch_execution',
  {
    session_id: sessionId,
    kernel_id: kernelId,
    code: z.string(),
    timeout: z.number().nonnegative().nullable().default(null),
  },
  nothing,
);
