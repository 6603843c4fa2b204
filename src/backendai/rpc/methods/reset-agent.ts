/** `reset_agent` (spec rpc 8.27): ends all kernels, as upstream means to. */

import { destroyAll } from '../destroy-kernels.ts';
import { nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('reset_agent', {}, nothing);

/** Returns when nothing of any kernel is left. */
export const resetAgent = method({
  signature,
  notable: true,
  handle: async (_, { services }) => {
    await destroyAll(services, 'agent-reset');
    return null;
  },
});
