/** A pretended accelerator, to try out scheduling and accounting without the hardware (spec resources-and-stats 15). */

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
import { type ComputeDevice, type DeviceMetadata, type DevicePlugin, sumBySlot } from './device-plugin.ts';
import { readOperatorShares, type ShareOptions } from './fractional-gpu.ts';
import { type MockConfig, type MockDevice, readMockConfig } from './mock-config.ts';
import { mockMeasures } from './mock-measures.ts';
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
