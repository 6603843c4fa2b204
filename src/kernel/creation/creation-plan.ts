/** The steps of a creation, and their order. */
import type { Bridge } from '../../network/bridge.ts';
import type { ContainerHardening } from '../container/container-spec.ts';
import type { KernelContainers } from '../container/kernel-containers.ts';
import type { NetworkLeases } from '../leases.ts';
import type { CreationPlan } from './step.ts';
import { type AllocateParts, allocateStep } from './steps/allocate.ts';
import { type ConfigFilesParts, configFilesStep } from './steps/config-files.ts';
import { containerStep } from './steps/container.ts';
import { type FilesParts, filesStep } from './steps/files.ts';
import { type HostLimitsParts, hostLimitsStep } from './steps/host-limits.ts';
import { imageStep } from './steps/image.ts';
import { networkStep, prewarmedNetworkStep } from './steps/network.ts';
import { type PortsParts, portsStep } from './steps/ports.ts';
import { type ReadyParts, readyStep } from './steps/ready.ts';
import { scratchStep } from './steps/scratch.ts';
import { servicesStep } from './steps/services.ts';
import { type SocketsParts, socketsStep } from './steps/sockets.ts';
import { startStep } from './steps/start.ts';

/** What the steps work with. */
interface PlanParts
  extends AllocateParts,
    ConfigFilesParts,
    FilesParts,
    HostLimitsParts,
    PortsParts,
    ReadyParts,
    SocketsParts {
  readonly bridge: Pick<Bridge, 'ensure'>;
  readonly containers: KernelContainers;
  readonly prewarmedNetworks: NetworkLeases;
  /** Whether kernels are hardened so that nothing of one can stay in a network. */
  readonly hardening: ContainerHardening;
}

/**
 * The plan of a creation, in order; what stands together goes side by side. Cheap refusals (no CPU left, no port left) come
 * before anything is made.
 */
export function creationPlan(parts: PlanParts): CreationPlan {
  return [
    allocateStep(parts),
    portsStep(parts),
    [
      imageStep(parts.engine),
      scratchStep(parts.scratch, parts.users),
      prewarmedNetworkStep(parts.prewarmedNetworks, parts.hardening),
    ],
    socketsStep(parts),
    networkStep(parts.bridge, parts.prewarmedNetworks),
    filesStep(parts),
    configFilesStep(parts),
    containerStep(parts.containers, parts.scratch),
    startStep(parts),
    [readyStep(parts), hostLimitsStep(parts)],
    servicesStep(parts.runners),
  ];
}
