/**
 * Makes sure that the network the kernel wants is there. The bridge is the agent's and stays for other kernels; a
 * prewarmed network that the kernel holds goes back when the kernel ends. One that has a name is not looked for: a
 * node of a swarm learns of an overlay when its first container joins.
 */
import type { Bridge } from '../../network/bridge.ts';
import type { NetworkLeases } from '../leases.ts';
import type { CreationStep } from '../step.ts';

/** The step. Throws NOT_SUPPORTED when kernels can't be kept off this host. */
export function networkStep(bridge: Pick<Bridge, 'ensure'>, prewarmedNetworks: NetworkLeases): CreationStep {
  return {
    name: 'network',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record, deadline) {
      if (record.spec.network === 'bridge') await bridge.ensure(deadline);
      return {};
    },
    async revert({ spec }) {
      if (prewarmedNetworks.holds(spec.id)) prewarmedNetworks.release(spec.id);
    },
    async adopt({ spec, placement }, deadline) {
      if (placement.prewarmedNetwork) prewarmedNetworks.adopt(spec.id, placement.prewarmedNetwork.container);
      if (spec.network === 'bridge') await bridge.ensure(deadline);
    },
  };
}
