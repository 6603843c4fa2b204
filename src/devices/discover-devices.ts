/**
 * Finds the devices of this machine, at the start (spec resources-and-stats 4). Alone, CPUs and memory are caps that are
 * offered several times over; under a manager they are reservations of whole cores. An accelerator that can't be had is
 * told of and left out: the node stays usable.
 */
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { Decimal } from '../lib/decimal.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type CgroupFacts, discoverCores } from './cpu-discovery.ts';
import { cpuPlugin } from './cpu-plugin.ts';
import { discoverCuda } from './cuda-discovery.ts';
import { cudaPlugin } from './cuda-plugin.ts';
import type { DevicePlugin } from './device-plugin.ts';
import type { HostCapacity } from './host-capacity.ts';
import { hostPlugin } from './hosted-plugin.ts';
import { memPlugin } from './mem-plugin.ts';
import { discoverMock } from './mock-discovery.ts';
import { NodeDevices } from './node-devices.ts';
import { checkPlugin, inProcess, type NodePlugin } from './node-plugin.ts';
import { isListed, isPluginAllowed } from './plugin-filter.ts';
import { sharedCpuPlugin } from './shared-cpu-plugin.ts';

/** What of the engine matters to devices. */
export interface EngineFacts {
  readonly version: string;
  readonly runtimes: readonly string[];
  readonly cgroups: CgroupFacts;
}

/** What is looked at. */
export interface DiscoveryOptions {
  readonly settings: Pick<
    Settings,
    'mode' | 'agent' | 'resource' | 'debug' | 'devicePlugins' | 'pluginOptions' | 'configFile'
  >;
  readonly host: HostCapacity;
  /** Null when the engine doesn't answer. */
  readonly engine: () => Promise<EngineFacts | null>;
  readonly agentVersion: string;
  readonly workingDir: string;
  readonly homeDir: string;
  readonly log: Logger;
}

/**
 * Alone, a kernel's CPUs and memory are caps rather than reservations, so that a machine of two cores can hold more than
 * two idle kernels: it is offered this many times over. One kernel never gets more than the machine has.
 */
const standaloneOvercommit = 16;
/** By upstream's modules and by ours. */
const cudaNames = ['ai.backend.accelerator.cuda_open', 'cuda'];
const mockNames = ['ai.backend.accelerator.mock', 'ai.backend.accelerator.cuda_mock', 'mock'];
const machines: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** Finds them. Throws INVALID_CONFIG when nothing of cpu or mem is left. */
export async function discoverDevices(options: DiscoveryOptions): Promise<NodeDevices> {
  const { settings, log } = options;
  const { allocationOrder, affinityPolicy, reservedCpus, reservedMemoryBytes } = settings.resource;
  const isAlone = settings.mode === 'standalone';
  await using cleanups = new AsyncDisposableStack();
  const plugins: NodePlugin[] = [];
  const basic = await basicPlugins(options);
  for (const accelerator of await accelerators(options, basic)) {
    cleanups.defer(async () => await accelerator[Symbol.asyncDispose]?.());
    plugins.push(accelerator);
  }
  const devices = new NodeDevices({
    plugins: [...plugins, ...basic],
    order: allocationOrder,
    policy: affinityPolicy,
    // The policy means nothing by the rule of 24.09, so who sets it wants the other.
    rule: affinityPolicy === 'prefer-single-node' ? '26.8' : '24.09',
    reserved: isAlone
      ? new Map()
      : new Map([
          ['cpu', new Decimal(reservedCpus)],
          ['mem', new Decimal(reservedMemoryBytes)],
        ]),
    plainWords: isAlone,
    logAllocations: settings.debug.logAllocationMap,
    log,
  });
  devices.available();
  cleanups.move();
  return devices;
}

async function basicPlugins(options: DiscoveryOptions): Promise<readonly NodePlugin[]> {
  const { settings, host, engine, agentVersion } = options;
  const own = (plugin: DevicePlugin): NodePlugin => inProcess(plugin, agentVersion);
  if (settings.mode === 'standalone') {
    return [
      own(sharedCpuPlugin({ cpus: host.cpus * standaloneOvercommit })),
      own(memPlugin(host.memoryBytes * standaloneOvercommit)),
    ];
  }
  const { cpuOvercommitFactor, memoryOvercommitFactor } = settings.resource;
  const cores = await discoverCores((await engine())?.cgroups ?? null, host.cpus);
  const cpu = cpuPlugin({
    cores,
    overcommit: cpuOvercommitFactor,
    agentVersion,
    machine: machines[arch()] ?? arch(),
    system: 'Linux',
  });
  return [own(cpu), own(memPlugin(host.memoryBytes * memoryOvercommitFactor))];
}

/** In the order of their discovery: ours, then those of third parties. */
async function accelerators(options: DiscoveryOptions, basic: readonly NodePlugin[]): Promise<readonly NodePlugin[]> {
  const { settings, workingDir, homeDir, agentVersion, log } = options;
  const filter = { allow: settings.agent.allowComputePlugins, block: settings.agent.blockComputePlugins };
  const known = [...cudaNames, ...mockNames, ...settings.devicePlugins];
  const unknown = filter.allow?.filter((entry) => !isListed(known, [entry])) ?? [];
  if (unknown.length > 0) log.warn('allow-compute-plugins names plugins that are not here', { plugins: unknown });
  const found: NodePlugin[] = [];
  const add = async (name: string, discover: () => Promise<NodePlugin | null>): Promise<void> => {
    try {
      const plugin = await discover();
      if (!plugin) return;
      await using cleanups = new AsyncDisposableStack();
      cleanups.defer(async () => await plugin[Symbol.asyncDispose]?.());
      checkPlugin(plugin, [...found, ...basic]);
      cleanups.move();
      found.push(plugin);
    } catch (error) {
      log.error(`the device plugin ${name} is off: ${toKerneletError(error).message}`, { plugin: name, error });
    }
  };
  if (isPluginAllowed(cudaNames, filter)) {
    await add('cuda', async () => {
      const facts = await discoverCuda({ options: settings.pluginOptions['cuda'] ?? {}, engine: options.engine });
      if (facts === null) log.info('cuda is off: this machine has no NVIDIA driver');
      return facts && inProcess(cudaPlugin(facts), agentVersion);
    });
  }
  if (filter.allow && isListed(mockNames, filter.allow) && isPluginAllowed(mockNames, filter)) {
    const discover = async () =>
      inProcess(await discoverMock({ workingDir, homeDir }, settings.pluginOptions, agentVersion), agentVersion);
    await add('mock', discover);
  }
  for (const specifier of settings.devicePlugins) {
    if (!isPluginAllowed([specifier], filter)) continue;
    const pluginOptions = settings.pluginOptions[specifier] ?? {};
    const from = join(dirname(settings.configFile ?? join(workingDir, 'agent.toml')), 'agent.toml');
    await add(specifier, () => hostPlugin({ specifier, from, options: pluginOptions, log }));
  }
  return found;
}
