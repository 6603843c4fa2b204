/**
 * A network sandbox: a container that does nothing but hold a network, which a kernel's container joins instead of
 * getting one of its own. Its program is the runner volume's static one, so that nothing of the image ever runs.
 */
import { randomBytes } from 'node:crypto';
import type { ContainerSpec, ContainerSummary } from '../engine/engine.ts';
import type { ContainerId } from '../lib/ids.ts';

/** The sandbox that a kernel holds. */
export interface LeasedNetwork {
  readonly container: ContainerId;
  /** What had gone through the network before the kernel's container joined it. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** What is the same for all sandboxes of an agent. */
export interface PrewarmedNetworkForm {
  /** 8 hex digits of the state folder. */
  readonly tag: string;
  /** The agent's id, as a label for people. */
  readonly agentId: string;
  /** The network that the sandboxes are on. */
  readonly network: string;
  /** The runner volume on the host, once there is one, and where containers have it. */
  readonly volume: { readonly source: () => Promise<string>; readonly target: string };
  /** The proof that a container of this name is the agent's. */
  readonly proof: (name: string) => string;
}

/** The labels of a sandbox. None is a label of a kernel's container, so that it is never taken for one. */
export const sandboxLabels = {
  owner: 'ai.kernelet.sandbox-of',
  proof: 'ai.kernelet.sandbox-proof',
} as const;

/** The engine gives no less memory to a container. */
const memoryBytes = 6 * 2 ** 20;
const processes = 4;
const nobody = '65534:65534';
const logLimitBytes = 4096 * 5;

/** A new name. */
export const newSandboxName = (tag: string): string => `kernelet-network.${tag}.${randomBytes(6).toString('hex')}`;

/** The specification of a sandbox. `image` is any that is here; nothing of it runs. */
export async function sandboxSpec(form: PrewarmedNetworkForm, name: string, image: string): Promise<ContainerSpec> {
  const { network, volume } = form;
  return {
    name,
    image,
    mounts: [{ source: await volume.source(), target: volume.target, readOnly: true }],
    hostname: name.slice(-12),
    labels: { [sandboxLabels.owner]: form.agentId, [sandboxLabels.proof]: form.proof(name) },
    entrypoint: [`${volume.target}/bin/busybox`, 'sleep', '2147483647'],
    command: [],
    environ: [],
    workingDirectory: '/',
    temporaryFilesystems: {},
    limits: { cpus: 0.1, memoryBytes, processes },
    network,
    networkAliases: [],
    ports: [],
    capabilities: [],
    noNewPrivileges: true,
    securityOptions: [],
    logLimitBytes,
    init: false,
    user: nobody,
    readOnlyRoot: true,
  };
}

/** Whether a container is provably a sandbox of this agent. */
export function isSandbox(
  form: PrewarmedNetworkForm,
  { name, labels }: Pick<ContainerSummary, 'name' | 'labels'>,
): boolean {
  return name.startsWith(`kernelet-network.${form.tag}.`) && labels[sandboxLabels.proof] === form.proof(name);
}
