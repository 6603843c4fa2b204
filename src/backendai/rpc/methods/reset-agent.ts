/** `reset_agent` (spec rpc 8.27): ends all kernels, as upstream means to. */
import { destroyAll } from '../destroy-all.ts';
import { method } from '../rpc-method.ts';
import { resetAgent as signature } from '../schema/agent.ts';

/** Returns when nothing of any kernel is left. */
export const resetAgent = method({
  signature,
  notable: true,
  handle: async (_, { services }) => {
    await destroyAll(services, 'agent-reset');
    return null;
  },
});
