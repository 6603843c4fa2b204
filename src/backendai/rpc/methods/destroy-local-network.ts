/** `destroy_local_network` (spec rpc 8.26). */
import { z } from 'zod';
import { nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('destroy_local_network', { network_name: z.string() }, nothing);

/** Removes the network of a session. */
export const destroyLocalNetwork = method({
  signature,
  handle: async ({ network_name }, { services: { networks }, signal }) => {
    await networks.destroy(network_name, signal);
    return null;
  },
});
