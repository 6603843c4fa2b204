/** `drop_kernel_registry` of 25.10 to 25.19 (spec rpc 9.1). */
import { z } from 'zod';
import { endInBackground } from '../destroy-kernels.ts';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('drop_kernel_registry', { kernel_id_list: z.array(kernelId) }, z.strictObject({}));

/**
 * Begins to end these kernels, which the manager has given up: to forget them alone would leave their containers to
 * nobody.
 */
export const dropKernelRegistry = method({
  signature,
  notable: true,
  handle: async ({ kernel_id_list: ids }, call) => {
    const wanted = new Set(ids);
    for (const { id } of await call.services.agent.list({ all: false })) {
      if (wanted.has(id)) endInBackground(id, 'not-found-in-manager', call);
    }
    return {};
  },
});
