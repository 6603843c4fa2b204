/** `check_creating` of 25.13 (spec rpc 9.3). */
import { method } from '../rpc-method.ts';
import { checkCreating as signature } from '../schema/check.ts';

/** Whether a kernel is being created, or is here. */
export const checkCreating = method({
  signature,
  handle: async ({ kernel_id: id }, { services: { agent, creations } }) =>
    creations.isCreating(id) || (await agent.list({ all: false })).some((kernel) => kernel.id === id),
});
