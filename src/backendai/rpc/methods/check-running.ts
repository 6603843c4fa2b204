/** `check_running` of 25.13 (spec rpc 9.3). */
import { z } from 'zod';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('check_running', { kernel_id: kernelId }, z.boolean());

/** Whether a kernel runs. Managers give up one that doesn't, so one that is being restarted counts. */
export const checkRunning = method({
  signature,
  handle: async ({ kernel_id: id }, { services: { agent } }) =>
    (await agent.list({ all: false })).some(
      (kernel) => kernel.id === id && (kernel.phase === 'running' || kernel.phase === 'restarting'),
    ),
});
