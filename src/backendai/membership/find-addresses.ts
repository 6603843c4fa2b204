/** Under which addresses this node is known, of its settings, its cluster and its machine. */

import type { Settings } from '../../config/settings.ts';
import { machineAddresses } from '../identity/address-sources.ts';
import { type AddressHints, type NodeAddresses, nodeAddresses } from '../identity/node-addresses.ts';

/** Finds them. Throws INVALID_CONFIG. */
export async function findAddresses(
  { agent, container, etcd }: Settings,
  hints: AddressHints,
  cloudIp: string | null,
): Promise<NodeAddresses> {
  const server = etcd?.addresses[0] ?? { host: '127.0.0.1', port: 2379 };
  return await nodeAddresses(
    {
      rpcListen: agent.rpcListenAddress,
      rpcAdvertised: agent.advertisedRpcAddress,
      bindHost: container.bindHost,
      advertisedHost: container.advertisedHost,
      publicHost: agent.publicHost,
    },
    hints,
    machineAddresses(server, async () => cloudIp),
  );
}
