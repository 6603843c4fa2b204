/**
 * A pretended accelerator, to try out scheduling and accounting without the hardware (spec resources-and-stats 15).
 * What it measures is random, within what is plausible (15.5).
 */
import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { configFolders } from '../config/paths.ts';
import { parseToml } from '../config/toml.ts';
import { systemClock } from '../lib/clock.ts';
import { zero } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { kernelVariables } from '../protocol/image-contract.ts';
import { assignedIds } from '../resources/allocation.ts';
import {
  type AcceleratorUnit,
  attachedUnits,
  baseSlotOf,
  cudaData,
  cudaExclusive,
  unitMap,
  unitOf,
  unitSlotTypes,
} from './accelerator-units.ts';
import {
  type ComputeDevice,
  type DeviceHolder,
  type DeviceMeasure,
  type DeviceMetadata,
  type DevicePlugin,
  type MeasuredAmount,
  sumBySlot,
  summed,
} from './device-plugin.ts';
import { limitsOf, readOperatorShares, type ShareOptions } from './fractional-gpu.ts';
import { type MockConfig, type MockDevice, readMockConfig } from './mock-config.ts';
import { inProcess, type NodePlugin } from './node-plugin.ts';
import type { PluginSource } from './plugin-source.ts';

/** What pretended devices need of their surroundings; tests hand in their own. */
export interface Pretence {
  readonly agentVersion?: string;
  /** From 0 to 1, for figures that nobody measures. */
  readonly random?: () => number;
}

/** The plugin; one of a mode that there isn't is off and has no devices. */
export function mockPlugin(
  config: MockConfig,
  options: ShareOptions,
  { agentVersion = '', random = Math.random }: Pretence = {},
): DevicePlugin {
  const key = config.slotName;
  const { mode } = options;
  const baseSlot = baseSlotOf(key, options);
  const units = mode === null ? [] : config.devices.map((device, index) => mockUnit(device, index, key, options));
  const exclusiveSlots = key === 'cuda' ? cudaExclusive : [];
  const devices = units.map(({ device }) => device);
  return {
    key,
    slotTypes: mode === null ? [] : unitSlotTypes(baseSlot, units),
    exclusiveSlots,
    metadata: mode === null ? null : metadataOf(config, baseSlot, units),
    extraInfo: mode === null ? { [`${key}_support`]: false } : { [`${key}_support`]: true, ...config.attributes },
    devices,
    availableSlots: () => sumBySlot([[baseSlot, zero], ...units.map(({ slot }) => [slot.slot, slot.amount] as const)]),
    createMap: () => unitMap(units, options, exclusiveSlots),
    arguments(allocation) {
      if (key !== 'cuda') return {};
      const ids = assignedIds(allocation);
      return {
        environ: [
          'TF_MIN_GPU_MULTIPROCESSOR_COUNT=4',
          `${kernelVariables.mockDevices}=${ids.join(',')}`,
          `${kernelVariables.mockDeviceCount}=${ids.length}`,
        ],
      };
    },
    resourceData: (allocation) => (key === 'cuda' ? cudaData(allocation, options) : []),
    attachedDevices: (allocation) => attachedUnits(allocation, units, options),
    hardware: () => ({
      status: 'healthy',
      status_info: null,
      metadata: {
        name: 'Backend.AI Mocked Accelerator Node',
        platform: 'Backend.AI',
        serial_number: 'N/A',
        version: agentVersion,
        last_updated: new Date(systemClock.now()).toISOString(),
      },
    }),
    measure: (holders) => mockMeasures(key, units, options, holders, random),
  };
}

function mockUnit(mock: MockDevice, index: number, key: string, options: ShareOptions): AcceleratorUnit {
  const device: ComputeDevice & { readonly motherUuid: string } = {
    id: mock.isMig ? `MIG-${mock.motherUuid}/${index}/0` : mock.motherUuid,
    location: `0000:99:${String(index).padStart(2, '0')}.0`,
    memoryBytes: mock.memoryBytes,
    processingUnits: mock.processingUnits,
    numaNode: mock.numaNode,
    modelName: mock.modelName,
    motherUuid: mock.motherUuid,
  };
  return unitOf(device, key, options, mock.isMig ? profileOf(mock) : undefined);
}

/** `10g` of `MIG-10g`. */
const profileOf = ({ modelName }: MockDevice): string => modelName.slice(modelName.indexOf('-') + 1).toLowerCase();

function metadataOf(config: MockConfig, baseSlot: string, units: readonly AcceleratorUnit[]): DeviceMetadata {
  const key = config.slotName;
  const subType = units.some(({ isMig }) => isMig) ? '*-mig' : baseSlot.slice(key.length + 1);
  const format = config.formats[subType] ?? {
    human_readable_name: key.toUpperCase(),
    description: `${key.toUpperCase()} accelerator`,
    display_unit: key.toUpperCase(),
    display_icon: 'gpu1',
    number_format: { binary: false, round_length: 0 },
  };
  return { slot_name: `${key}.${subType}`, ...format };
}

/** Where the search for the file of the mock plugin begins; `root` stands for `/`. */
export interface MockPlaces {
  readonly workingDir: string;
  readonly homeDir: string;
  readonly root?: string;
}

const name = 'mock-accelerator.toml';
const marker = 'BUILD_ROOT';
const maxLevels = 64;

/**
 * The source of the plugin. `options` are tables by plugin name: that of `mock`, else that of the slot it pretends to be.
 * A look throws INVALID_CONFIG when there is no file, or when it is wrong.
 */
export function mockSource(
  places: MockPlaces,
  options: Readonly<Record<string, Readonly<Record<string, string>>>>,
  agentVersion: string,
): PluginSource {
  let last: { readonly text: string; readonly plugin: NodePlugin } | null = null;
  return {
    name: 'mock',
    async discover() {
      const path = await findMockFile(places);
      const text = await readFile(path, 'utf8');
      if (last?.text === text) return last.plugin;
      const config = readMockConfig(parseToml(text, path));
      const share = readOperatorShares(config.slotName, options['mock'] ?? options[config.slotName] ?? {});
      last = { text, plugin: inProcess(mockPlugin(config, share, { agentVersion }), agentVersion) };
      return last.plugin;
    },
  };
}

/** The working folder, folders above it within the home folder that have a marker, then those of the user and machine. */
async function findMockFile({ workingDir, homeDir, root = '/' }: MockPlaces): Promise<string> {
  const above: string[] = [];
  let folder = dirname(workingDir);
  for (let level = 0; level < maxLevels && folder !== homeDir && folder.startsWith(`${homeDir}/`); level += 1) {
    if (await exists(join(folder, marker))) above.push(folder);
    folder = dirname(folder);
  }
  const folders = [workingDir, ...above, join(homeDir, configFolders.ofUser), join(root, configFolders.ofMachine)];
  for (const one of folders) if (await exists(join(one, name))) return join(one, name);
  throw new KerneletError('INVALID_CONFIG', `there is no ${name} in ${folders.join(', ')}`);
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
};

/** What a device is said to do. */
interface Load {
  /** Of its memory, from 0 to 1. */
  readonly memory: number;
  /** In percent. */
  readonly utilization: number;
  readonly watts: number;
  readonly celsius: number;
}

const maxPercent = 100;
const maxWatts = 250;
const maxCelsius = 120;

/** Around a mean, by the sum of twelve, which needs no logarithm of 0. */
const normal = (mean: number, deviation: number, random: () => number): number =>
  mean + deviation * (Array.from({ length: 12 }, random).reduce((total, one) => total + one, 0) - 6);
const within = (value: number, max: number): number => thousandths(Math.min(Math.max(value, 0), max));
const thousandths = (value: number): number => Math.trunc(value * 1000) / 1000;

function loadOf(random: () => number): Load {
  return {
    memory: 0.2 + 0.8 * random(),
    utilization: within(100 * random(), maxPercent),
    watts: within(normal(200, 50, random), maxWatts),
    celsius: within(normal(90, 20, random), maxCelsius),
  };
}

/** What is used of a kernel's part of a device: as much of it as of the whole. */
function partsOf(
  { allocation }: DeviceHolder,
  units: readonly AcceleratorUnit[],
  options: ShareOptions,
  loads: ReadonlyMap<string, Load>,
): readonly { readonly memory: MeasuredAmount; readonly utilization: MeasuredAmount }[] {
  return units.flatMap(({ device, slot, isMig }) => {
    const share = allocation.get(slot.slot)?.get(device.id);
    const load = loads.get(device.id);
    if (!share?.gt(0) || !load) return [];
    const isShare = options.mode === 'fractional' && !isMig;
    const capacity = isShare ? limitsOf(share, options).memoryBytes.toNumber() : device.memoryBytes;
    return [
      {
        memory: { value: Math.trunc(capacity * load.memory), capacity },
        utilization: { value: load.utilization, capacity: maxPercent },
      },
    ];
  });
}

/** The measures; every kernel has those of memory and utilization, of nothing where it has no device. */
function mockMeasures(
  key: string,
  units: readonly AcceleratorUnit[],
  options: ShareOptions,
  holders: readonly DeviceHolder[],
  random: () => number,
): readonly DeviceMeasure[] {
  const { mask } = options;
  const shown = units.filter(({ device }, index) => !mask.has(String(index)) && !mask.has(device.id));
  const loads = new Map(shown.map(({ device }) => [device.id, loadOf(random)]));
  const each = (amountOf: (load: Load, memoryBytes: number) => MeasuredAmount): ReadonlyMap<string, MeasuredAmount> =>
    new Map(
      shown.flatMap(({ device: { id, memoryBytes } }) => {
        const load = loads.get(id);
        return load ? [[id, amountOf(load, memoryBytes)] as const] : [];
      }),
    );
  const parts = holders.map((holder) => [holder.kernel, partsOf(holder, shown, options, loads)] as const);
  const memory = each(({ memory: part }, bytes) => ({ value: Math.trunc(bytes * part), capacity: bytes }));
  const utilization = each((load) => ({ value: load.utilization, capacity: maxPercent }));
  const power = each((load) => ({ value: load.watts, capacity: maxWatts }));
  const temperature = each((load) => ({ value: load.celsius, capacity: maxCelsius }));
  const measured = (what: string, unit: string, filter: DeviceMeasure['filter']) =>
    ({ key: `${key}_${what}`, unit, filter, hook: null, processes: new Map() }) as const;
  const average = ['avg', 'max'] as const;
  return [
    {
      ...measured('mem', 'bytes', ['max']),
      node: summed(memory.values()),
      devices: memory,
      kernels: new Map(parts.map(([kernel, own]) => [kernel, summed(own.map((part) => part.memory))])),
    },
    {
      ...measured('util', 'percent', average),
      node: summed(utilization.values()),
      devices: utilization,
      kernels: new Map(parts.map(([kernel, own]) => [kernel, summed(own.map((part) => part.utilization))])),
    },
    { ...measured('power', 'Watts', average), node: summed(power.values()), devices: power, kernels: new Map() },
    {
      ...measured('temperature', 'Celsius', average),
      node: { value: meanOf(temperature), capacity: maxCelsius },
      devices: temperature,
      kernels: new Map(),
    },
  ];
}

const meanOf = (amounts: ReadonlyMap<string, MeasuredAmount>): number =>
  amounts.size === 0 ? 0 : thousandths(summed(amounts.values()).value / amounts.size);
