/** `trigger_batch_execution`; the fourth argument came with 24.12 (spec rpc 8.13, 9.3). */
import { z } from 'zod';
import { kernelId, nothing, sessionId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const maxLimitMs = 2 ** 31 - 1;

const signature = define(
  'trigger_batch_execution',
  {
    session_id: sessionId,
    kernel_id: kernelId,
    code: z.string(),
    timeout: z.number().nonnegative().nullable().default(null),
  },
  nothing,
);

/** Begins the command of a batch session; its end is an event. */
export const triggerBatchExecution = method({
  signature,
  notable: true,
  handle: async ({ session_id: session, kernel_id: kernel, code, timeout }, { services }) => {
    await services.batches.begin(kernel, { session, code, timeoutMs: limitOf(timeout) });
    return null;
  },
});

/** No time at all is how some managers say that there is no limit; one of weeks is more than a timer takes. */
function limitOf(seconds: number | null): number | null {
  const ms = Math.ceil((seconds ?? 0) * 1000);
  return ms === 0 || ms > maxLimitMs ? null : ms;
}
