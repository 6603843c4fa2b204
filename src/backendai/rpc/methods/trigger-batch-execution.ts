/** `trigger_batch_execution` (spec rpc 8.13, 9.3). */
import { method } from '../rpc-method.ts';
import { triggerBatchExecution as signature } from '../schema/trigger-batch-execution.ts';

const maxLimitMs = 2 ** 31 - 1;

/** Begins the command of a batch session; its end is told by an event. */
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
