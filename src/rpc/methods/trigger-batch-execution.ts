/** `trigger_batch_execution` (spec rpc 8.13, 9.3). */
import { method } from '../rpc-method.ts';
import { triggerBatchExecution as signature } from '../schema/trigger-batch-execution.ts';

/** Begins the command of a batch session; its end is told by an event. */
export const triggerBatchExecution = method({
  signature,
  notable: true,
  handle: async ({ session_id: session, kernel_id: kernel, code, timeout }, { services }) => {
    // No time at all is how some managers say that there is no limit.
    const timeoutMs = timeout === null || timeout === 0 ? null : Math.ceil(timeout * 1000);
    await services.batches.begin(kernel, { session, code, timeoutMs });
    return null;
  },
});
