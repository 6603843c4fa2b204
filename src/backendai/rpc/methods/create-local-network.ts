/** `create_local_network`: for a cluster session on one node (spec rpc 8.25). */
import { z } from 'zod';
import { nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('create_local_network', { network_name: z.string() }, nothing);

/** Makes the network of a session on this node. */
export const createLocalNetwork = method({
  signature,
  handle: async ({ network_name }, { services: { networks }, signal }) => {
    await networks.create(network_name, signal);
    return null;
  },
});
