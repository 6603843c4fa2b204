/** Makes sure that the network the kernel wants is there. The bridge is the agent's and stays for other kernels. */
import type { Bridge } from '../../network/bridge.ts';
import type { CreationStep } from '../step.ts';

/** The step. Throws NOT_SUPPORTED when kernels can't be kept off this host. */
export function networkStep(bridge: Pick<Bridge, 'ensure'>): CreationStep {
  return {
    name: 'network',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record, deadline) {
      if (record.spec.network === 'bridge') await bridge.ensure(deadline);
      return {};
    },
    async revert() {},
    async adopt(record, deadline) {
      if (record.spec.network === 'bridge') await bridge.ensure(deadline);
    },
  };
}
