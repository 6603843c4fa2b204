/** Connects a kernel: to a network that was made ahead and is leased, or to one that is made sure of. */
import type { Bridge } from '../../../network/bridge.ts';
import { type ContainerHardening, defaultHardening } from '../../container/container-spec.ts';
import type { NetworkLeases } from '../../leases.ts';
import type { KernelRecord } from '../../record.ts';
import type { CreationStep } from '../step.ts';

/**
 * Whether containers are as hardened as by default: none may change its network, and no script of an image, which is
 * whatever a tenant wrote into it, is root in one. By default that is so of no member of a cluster.
 */
function isStrict(hardening: ContainerHardening): boolean {
  const { imageBootstrap, capabilities, noNewPrivileges, securityOptions, overrides } = hardening;
  return (
    imageBootstrap === 'never' &&
    noNewPrivileges &&
    overrides === undefined &&
    securityOptions.every((option) => defaultHardening.securityOptions.includes(option)) &&
    capabilities.every((name) => defaultHardening.capabilities.includes(name))
  );
}

/**
 * Neither root nor who may become it by `sudo` is to have been in a network; a volume could hide the program that holds it;
 * and a runtime with a network stack of its own takes the addresses for itself.
 */
const suits = ({ spec, placement }: KernelRecord): boolean =>
  placement.provision.networks.length === 0 &&
  spec.network === 'bridge' &&
  // The next kernel is not to have its limit.
  spec.limits.bitsPerSecond === null &&
  !spec.sudo &&
  spec.ociRuntime === null &&
  spec.publish.length === 0 &&
  spec.user.uid !== 0 &&
  spec.image.volumes.length === 0;

/**
 * Gives the kernel's container a prewarmed network, where there is one and it will do: the kernel wants the bridge,
 * publishes no port, has no limit on its bandwidth and is on no other network, and nothing that its processes may do could
 * stay in the network for the next kernel: but for the runner, nothing of it is ever root. A restart looks again at the one
 * that the kernel holds. It is given back with the kernel's network, at the kernel's end.
 */
export function prewarmedNetworkStep(networks: NetworkLeases, hardening: ContainerHardening): CreationStep {
  const strict = isStrict(hardening);
  return {
    name: 'prewarmed-network',
    scope: 'generation',
    deadlineMs: 10_000,
    async apply(record, { signal }) {
      const { id, image } = record.spec;
      const fits = strict && suits(record);
      if (!fits) networks.discard(id);
      const prewarmedNetwork = fits ? await networks.lease(id, image.id, signal) : null;
      return { placement: { ...record.placement, prewarmedNetwork } };
    },
    async revert() {},
  };
}

/**
 * Makes sure that the network the kernel wants is there. The bridge is the agent's and stays for other kernels; a
 * prewarmed network that the kernel holds goes back when the kernel ends. One that has a name is not looked for: a
 * node of a swarm learns of an overlay when its first container joins. Throws NOT_SUPPORTED when kernels can't be kept
 * off this host.
 */
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
