/** `start_service`: an application in a kernel (spec rpc 8.14). */
import { z } from 'zod';
import { kernelId, openMap, textMap } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const flag = z.union([z.string(), z.array(z.string()), z.null()]);

const signature = define(
  'start_service',
  {
    kernel_id: kernelId,
    service: z.string(),
    opts: openMap({ arguments: z.record(z.string(), flag).optional(), envs: textMap.optional() }),
  },
  z.strictObject({ status: z.enum(['started', 'running', 'failed']), error: z.string().optional() }),
);

/** Starts an application of a kernel; why it did not start is in the result. */
export const startService = method({
  signature,
  notable: true,
  handle: async ({ kernel_id, service, opts }, { services: { agent }, signal }) => {
    const options = { arguments: opts.arguments ?? {}, envs: opts.envs ?? {} };
    return await agent.startService(kernel_id, service, options, signal);
  },
});
