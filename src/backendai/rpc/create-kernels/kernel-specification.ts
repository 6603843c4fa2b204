/** From a manager's configuration of a kernel to the agent's request (spec rpc 8.6, kernel-lifecycle 8.1). Pure. */

import { normalize } from 'node:path';
import { parseServicePorts } from '../../../images/service-ports.ts';
import { builtInServices } from '../../../kernel/container/service-ports.ts';
import type { KernelNetwork, KernelService, PortPair } from '../../../kernel/spec.ts';
import { parseDecimal, plainText } from '../../../lib/decimal.ts';
import { imageLabels } from '../../../protocol/image-contract.ts';
import { readResourceRequest } from '../../../resources/slot-amounts.ts';
import type { KnownSlots } from '../../../resources/slot-name.ts';
import { canonical, type RequestedMount } from '../../../storage/mounts/mount-policy.ts';
import type { RequestedKernel } from '../../operations/creations.ts';
import { imageName } from '../../wire/extension.ts';
import { machineName } from '../../wire/machine-name.ts';
import { RpcFailure } from '../rpc-failure.ts';
import { requestedFiles } from './files.ts';
import {
  type ClusterInfo,
  type KernelConfig,
  type KernelRequest,
  namedNetwork,
  type RequestedNode,
} from './request.ts';

/** The name that stands for the host's own network. */
const host = 'host';
const sshPort = 2200;
const reservedPorts: ReadonlySet<number> = new Set([2000, 2001]);

/**
 * The request. Throws UnsupportedResource and InvalidResourceArgument for amounts that cannot be, AgentError for such ports and images.
 */
export function requestedKernel(
  { id, session, config, cluster, reference, models }: KernelRequest,
  node: RequestedNode,
): RequestedKernel {
  refuseForeignImage(reference, node);
  const { image, auto_pull: pull = 'digest' } = config;
  if (pull !== 'digest' && pull !== 'tag' && pull !== 'none') {
    throw new RpcFailure('ValueError', `auto_pull cannot be ${JSON.stringify(pull.slice(0, 80))}`);
  }
  const { cpu, mem, ...others } = amounts(config.resource_slots, node.known);
  const services = allServices([...servicesOf(config), ...models.services]);
  const publish = services.flatMap(({ containerPorts }) => containerPorts);
  const { files, warnings } = requestedFiles(config, cluster);
  const { username, password, name } = image.registry;
  const shared = config.resource_opts?.shmem;
  return {
    id,
    session,
    // What is only here is never asked for elsewhere.
    pull: reference.is_local ? 'none' : pull,
    imageId: image.digest,
    warnings,
    request: {
      image: reference.is_local ? imageName({ ...reference, isLocal: true }) : image.canonical,
      hostname: config.cluster_hostname,
      ...(cpu === undefined ? {} : { cpus: Number(cpu) }),
      ...(mem === undefined ? {} : { memoryBytes: Number(mem) }),
      ...(shared === undefined ? {} : { sharedMemoryBytes: parseDecimal(String(shared), 'shmem').toNumber() }),
      ...(username && password ? { registryAuth: { username, password, serverAddress: name } } : {}),
      accelerators: others,
      environ: { ...node.environ, ...config.environ, ...models.environ },
      takesAnyNames: true,
      mounts: requestedMounts(config),
      files,
      network: networkOf(config, cluster),
      publish,
      fixedPorts: fixedPortsOf(config, cluster, publish),
      assignedPorts: config.allocated_host_ports ?? [],
      services,
      models: models.models,
      servicesBlocked: config.internal_data?.block_service_ports ?? false,
      interpreter: 'eager',
      sudo: config.internal_data?.sudo_session_enabled ?? false,
      socketProxies: config.internal_data?.domain_socket_proxies ?? [],
    },
  };
}

/** Before anything is pulled; what an image that is here really is for, the agent sees when it makes the kernel. */
function refuseForeignImage(
  { architecture: wanted }: KernelRequest['reference'],
  { architecture }: RequestedNode,
): void {
  const named = machineName(wanted.slice(0, 40));
  if (named === architecture) return;
  throw new RpcFailure('AgentError', `cannot run an image for ${named} on this machine, which is ${architecture}`);
}

/** Where it is connected (spec kernel-lifecycle 9), undefined where the node decides: others of its session find it by its host name. */
function networkOf({ cluster_hostname: hostname }: KernelConfig, cluster: ClusterInfo): KernelNetwork | undefined {
  const name = namedNetwork(cluster);
  const { cluster_ssh_port_mapping: mapping } = cluster;
  if (!name) return undefined;
  if (name !== host) return { name, aliases: [hostname], hosts: [] };
  return { name, aliases: [], hosts: Object.entries(mapping ?? {}).map(([member, [address]]) => [member, address]) };
}

/** Members of a session on their hosts' networks find each other's SSH servers where the manager says. */
function fixedPortsOf(
  { cluster_hostname: hostname }: KernelConfig,
  { cluster_ssh_port_mapping: mapping }: ClusterInfo,
  published: readonly number[],
): readonly PortPair[] {
  const [, hostPort] = mapping?.[hostname] ?? [];
  return hostPort !== undefined && published.includes(sshPort) ? [{ containerPort: sshPort, hostPort }] : [];
}

/** Amounts of the known slots as plain texts, in the order of the request. Throws what `readResourceRequest` does. */
function amounts(slots: KernelConfig['resource_slots'], known: KnownSlots): Record<string, string> {
  const texts = Object.entries(slots).map(([slot, amount]) => [slot, amount === null ? null : String(amount)]);
  const asked = readResourceRequest(Object.fromEntries(texts), known);
  return Object.fromEntries(
    Object.keys(slots).flatMap((slot) => {
      const amount = asked.get(slot);
      return amount ? [[slot, plainText(amount)]] : [];
    }),
  );
}

/** Only the main kernel of a session has services of its image. */
function servicesOf({ cluster_role: role, preopen_ports: preopen, image }: KernelConfig): readonly KernelService[] {
  if (role !== 'main' && role !== 'master') return builtInServices;
  const endpoints = (image.labels[imageLabels.endpointPorts] ?? '').split(',').map((name) => name.trim());
  const { services } = parseServicePorts(image.labels[imageLabels.servicePorts] ?? '', endpoints);
  const opened = (preopen ?? []).map(
    (port): KernelService => ({ name: String(port), protocol: 'preopen', containerPorts: [port], isInference: false }),
  );
  return [...builtInServices, ...opened, ...services];
}

/** Throws AgentError for ports that are reserved, or are those of two services. */
function allServices(all: readonly KernelService[]): readonly KernelService[] {
  const ports = all.flatMap(({ containerPorts }) => containerPorts);
  if (ports.some((port) => reservedPorts.has(port)))
    throw new RpcFailure('AgentError', 'ports 2000 and 2001 are for internal use');
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined) throw new RpcFailure('AgentError', `two services have the port ${twice}`);
  return all;
}

type VirtualFolder = KernelConfig['mounts'][number];

/** The one that may be mounted where none else may. */
const logs = '.logs';

/** Chooses them; the same folder at the same place counts once. */
export function requestedMounts({ mounts, internal_data: internal }: KernelConfig): readonly RequestedMount[] {
  const wanted = internal?.prevent_vfolder_mounts ? mounts.filter(({ name }) => name === logs) : mounts;
  const chosen = new Map<string, RequestedMount>();
  for (const folder of wanted) {
    const mount = mountOf(folder);
    const key = JSON.stringify([mount.source, mount.target]);
    const known = chosen.get(key);
    // Whoever gave it twice may do what either allows.
    chosen.set(key, known ? { ...mount, readOnly: mount.readOnly && known.readOnly } : mount);
  }
  return [...chosen.values()];
}

/** Whoever may delete in a folder may write in it. */
function mountOf({
  host_path: path,
  kernel_path: target,
  mount_perm: permission,
  vfsubpath,
}: VirtualFolder): RequestedMount {
  const source = canonical(path);
  return { source, target: canonical(target), readOnly: permission === 'ro', within: folderOf(source, vfsubpath) };
}

/**
 * The virtual folder itself, where a part of one is mounted: its users may have put links in it, over which the part
 * would come to lie elsewhere.
 */
export function folderOf(source: string, part: string): string {
  const below = canonical(normalize(part));
  return below !== '.' && source.endsWith(`/${below}`) ? source.slice(0, -below.length - 1) || '/' : source;
}
