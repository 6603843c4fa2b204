/** `create_local_network` (spec rpc 8.25). */
import { method } from '../rpc-method.ts';
import { createLocalNetwork as signature } from '../schema/local-network.ts';

/** Makes the network of a session on this node. */
export const createLocalNetwork = method({
  signature,
  handle: async ({ network_name }, { services: { networks }, signal }) => {
    await networks.create(network_name, signal);
    return null;
  },
});
