/** `start_service` (spec rpc 8.14). */
import { method } from '../rpc-method.ts';
import { startService as signature } from '../schema/start-service.ts';

/** Starts an application of a kernel; why it did not start is in the result. */
export const startService = method({
  signature,
  notable: true,
  handle: async ({ kernel_id, service, opts }, { services: { agent }, signal }) => {
    const options = { arguments: opts.arguments ?? {}, envs: opts.envs ?? {} };
    return await agent.startService(kernel_id, service, options, signal);
  },
});
