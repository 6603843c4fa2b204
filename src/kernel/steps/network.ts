/**
 * Makes sure that the network the kernel wants is there. The bridge is the agent's and stays for other kernels; a
 * network made ahead that the kernel holds goes back when the kernel ends. One that has a name is not looked for: a
 * node of a swarm learns of an overlay when its first container joins.
 */
import type { Bridge } from '../../network/bridge.ts';
import type { NetworkLeases } from '../leases.ts';
import type { CreationStep } from '../step.ts';

/** The step. Throws NOT_SUPPORTED when kernels can't be kept off this host. */
export function networkStep(bridge: Pick<Bridge, 'ensure'>, sandboxes: NetworkLeases): CreationStep {
  return {
    name: 'network',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record, deadline) {
      if (record.spec.network === 'bridge') await bridge.ensure(deadline);
      return {};
    },
    async revert({ spec }) {
      if (sandboxes.holds(spec.id)) sandboxes.release(spec.id);
    },
    async adopt({ spec, placement }, deadline) {
      if (placement.sandbox) sandboxes.adopt(spec.id, placement.sandbox.container);
      if (spec.network === 'bridge') await bridge.ensure(deadline);
    },
  };
}
