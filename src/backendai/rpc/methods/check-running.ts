/** `check_running` of 25.13 (spec rpc 9.3). */
import { method } from '../rpc-method.ts';
import { checkRunning as signature } from '../schema/check.ts';

/** Whether a kernel runs. Managers give up one that doesn't, so one that is being restarted counts. */
export const checkRunning = method({
  signature,
  handle: async ({ kernel_id: id }, { services: { agent } }) =>
    (await agent.list({ all: false })).some(
      (kernel) => kernel.id === id && (kernel.phase === 'running' || kernel.phase === 'restarting'),
    ),
});
