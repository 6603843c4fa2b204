/** `destroy_local_network` (spec rpc 8.26). */
import { method } from '../rpc-method.ts';
import { destroyLocalNetwork as signature } from '../schema/local-network.ts';

/** Removes the network of a session. */
export const destroyLocalNetwork = method({
  signature,
  handle: async ({ network_name }, { services: { networks }, signal }) => {
    await networks.destroy(network_name, signal);
    return null;
  },
});
