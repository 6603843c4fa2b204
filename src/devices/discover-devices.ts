/**
 * Where the devices of this machine are looked for, at the start and again and again (spec resources-and-stats 4). Alone, CPUs and memory are caps that are
 * offered several times over; in a cluster they are reservations of whole cores. An accelerator that can't be had is
 * told of and left out: the node stays usable.
 */
import { dirname, join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { Decimal } from '../lib/decimal.ts';
import type { Logger } from '../lib/log.ts';
import { acceleratorModules } from '../protocol/image-contract.ts';
import { type CgroupFacts, cpuPlugin, discoverCores, memPlugin, sharedCpuPlugin } from './basic-plugins.ts';
import { cudaSource } from './cuda-source.ts';
import type { DevicePlugin } from './device-plugin.ts';
import { type HostCapacity, machineName } from './host-capacity.ts';
import { hostedPlugin } from './hosted-plugin.ts';
import { mockSource } from './mock-plugin.ts';
import { NodeDevices } from './node-devices.ts';
import { inProcess, type NodePlugin } from './node-plugin.ts';
import { PluginSearch, type PluginSource } from './plugin-source.ts';

/** What of the engine matters to devices. */
export interface EngineFacts {
  readonly version: string;
  readonly runtimes: readonly string[];
  readonly cgroups: CgroupFacts;
}

/** What the search depends on: the settings, and what it may ask of the machine and the engine. */
export interface DiscoveryOptions {
  readonly settings: Pick<
    Settings,
    'mode' | 'agent' | 'resource' | 'debug' | 'devicePlugins' | 'pluginOptions' | 'configFile'
  >;
  readonly host: () => Promise<HostCapacity>;
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
const cudaNames = [acceleratorModules.cuda, 'cuda'];
const mockNames = [acceleratorModules.mock, acceleratorModules.mockCuda, 'mock'];

/** Finds them. Throws INVALID_CONFIG when nothing of cpu or mem is left. */
export async function discoverDevices(options: DiscoveryOptions): Promise<NodeDevices> {
  const { settings, log } = options;
  const { allocationOrder, affinityPolicy, reservedCpus, reservedMemoryBytes } = settings.resource;
  const isAlone = settings.mode === 'standalone';
  await using cleanups = new AsyncDisposableStack();
  const sources = { accelerators: accelerators(options), basic: basicPlugins(options) };
  const search = cleanups.use(new PluginSearch(sources, log));
  const devices = new NodeDevices({
    plugins: await search.discover(new AbortController().signal),
    search,
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
    logAllocations: settings.debug.logAllocationMap,
    log,
  });
  devices.available();
  cleanups.move();
  return devices;
}

/** Of CPUs and memory, which may be added to a machine that runs. */
function basicPlugins({ settings, host, engine, agentVersion }: DiscoveryOptions): readonly PluginSource[] {
  const { cpuOvercommitFactor, memoryOvercommitFactor } = settings.resource;
  const isAlone = settings.mode === 'standalone';
  let cgroups: CgroupFacts | null = null;
  return [
    ownSource('cpu', agentVersion, async () => {
      const { cpus } = await host();
      if (isAlone) return sharedCpuPlugin({ cpus: cpus * standaloneOvercommit });
      // An engine that doesn't answer for a moment has the cores that it had.
      cgroups = (await engine())?.cgroups ?? cgroups;
      return cpuPlugin({
        cores: await discoverCores(cgroups, cpus),
        overcommit: cpuOvercommitFactor,
        agentVersion,
        machine: machineName(),
        system: 'Linux',
      });
    }),
    ownSource('mem', agentVersion, async () => {
      const { memoryBytes } = await host();
      return memPlugin(memoryBytes * (isAlone ? standaloneOvercommit : memoryOvercommitFactor));
    }),
  ];
}

/** The source of a plugin of this program, which is the same as long as its devices are. */
function ownSource(name: string, version: string, make: () => Promise<DevicePlugin>): PluginSource {
  let last: { readonly text: string; readonly plugin: NodePlugin } | null = null;
  return {
    name,
    async discover() {
      const plugin = await make();
      const text = JSON.stringify(plugin.devices);
      if (last?.text !== text) last = { text, plugin: inProcess(plugin, version) };
      return last.plugin;
    },
  };
}

/** In the order of their discovery: ours, then those of third parties. */
function accelerators(options: DiscoveryOptions): readonly PluginSource[] {
  const { settings, workingDir, homeDir, agentVersion, engine, log } = options;
  const { devicePlugins, pluginOptions, configFile } = settings;
  const filter = { allow: settings.agent.allowComputePlugins, block: settings.agent.blockComputePlugins };
  const known = [...cudaNames, ...mockNames, ...devicePlugins];
  const unknown = filter.allow?.filter((entry) => !isListed(known, [entry])) ?? [];
  if (unknown.length > 0) log.warn('allow-compute-plugins names plugins that are not here', { plugins: unknown });
  const sources: PluginSource[] = [];
  if (isPluginAllowed(cudaNames, filter)) {
    sources.push(cudaSource({ options: pluginOptions['cuda'] ?? {}, engine, agentVersion, log }));
  }
  if (filter.allow && isListed(mockNames, filter.allow) && isPluginAllowed(mockNames, filter)) {
    sources.push(mockSource({ workingDir, homeDir }, pluginOptions, agentVersion));
  }
  const from = join(dirname(configFile ?? join(workingDir, 'agent.toml')), 'agent.toml');
  for (const specifier of devicePlugins.filter((one) => isPluginAllowed([one], filter))) {
    sources.push(hostedPlugin({ specifier, from, options: pluginOptions[specifier] ?? {}, log }));
  }
  return sources;
}

/** What the configuration says; null where it says nothing. */
export interface PluginFilter {
  readonly allow: readonly string[] | null;
  readonly block: readonly string[] | null;
}

/** Whether a plugin is let in, by any of its names. */
export function isPluginAllowed(names: readonly string[], { allow, block }: PluginFilter): boolean {
  return (allow === null || isListed(names, allow)) && !(block !== null && isListed(names, block));
}

/** Whether a list names the plugin. */
export const isListed = (names: readonly string[], list: readonly string[]): boolean =>
  list.some((entry) => names.some((name) => name === entry || name.startsWith(`${entry}.`)));
