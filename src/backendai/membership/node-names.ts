/** How a node is known in its cluster, as its kernels' facts say it. */
import type { NodeNames } from '../operations/creation-info-of.ts';
import type { ClusterParts } from './cluster-parts.ts';

/** The names as they are now: a manager may move a node to another group. */
export function nodeNames({ addresses, identity }: Pick<ClusterParts, 'addresses' | 'identity'>): NodeNames {
  return {
    kernelHost: addresses.kernelHost,
    agentAddress: addresses.rpcAddress,
    scalingGroup: identity.scalingGroup,
  };
}
