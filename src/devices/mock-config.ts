/** The description of a pretended accelerator: `mock-accelerator.toml` (spec resources-and-stats 15.2). */
import { KerneletError, toKerneletError } from '../lib/errors.ts';
import { parseFiniteBinarySize } from '../resources/binary-size.ts';
import type { DeviceMetadata } from './device-plugin.ts';

/** A device that isn't there, as the file of the mock plugin describes it. */
export interface MockDevice {
  readonly motherUuid: string;
  readonly modelName: string;
  readonly numaNode: number;
  readonly processingUnits: number;
  readonly memoryBytes: number;
  readonly isMig: boolean;
}

/** What a sub type of the slot is shown as. */
export type MockFormat = Omit<DeviceMetadata, 'slot_name'>;

/** `mock-accelerator.toml`. */
export interface MockConfig {
  /** The plugin's key: `cuda`, `rocm`, … */
  readonly slotName: string;
  readonly devices: readonly MockDevice[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly formats: Readonly<Record<string, MockFormat>>;
}

type Table = Readonly<Record<string, unknown>>;

/** Reads the parsed file. Throws INVALID_CONFIG naming the key. */
export function readMockConfig(file: Table): MockConfig {
  const slotName = text(file, 'slot_name');
  text(file, 'device_plugin_name');
  if (!/^[a-z0-9_-]+$/.test(slotName)) throw invalid('slot_name', 'has characters that a slot name may not have');
  const devices = file['devices'];
  if (!Array.isArray(devices)) throw invalid('devices', 'must be a list');
  return {
    slotName,
    devices: devices.map((device: unknown, index) => readDevice(device, `devices[${index}].`, slotName)),
    attributes: Object.fromEntries(
      Object.entries(table(file['attributes'], 'attributes')).map(([key, value]) => [key, String(value)]),
    ),
    formats: Object.fromEntries(
      Object.entries(table(file['formats'], 'formats')).map(([name, format]) => [
        name,
        readFormat(format, `formats.${name}`),
      ]),
    ),
  };
}

function readDevice(value: unknown, place: string, key: string): MockDevice {
  const device = table(value, place.slice(0, -1));
  const motherUuid = text(device, 'mother_uuid', place);
  if (motherUuid === '' || /[,:]/.test(motherUuid)) throw invalid(`${place}mother_uuid`, 'must not have "," or ":"');
  const isMig = device['is_mig_device'];
  if (key === 'cuda' && typeof isMig !== 'boolean') throw invalid(`${place}is_mig_device`, 'must be true or false');
  return {
    motherUuid,
    modelName: text(device, 'model_name', place),
    numaNode: whole(device, 'numa_node', 0, place),
    processingUnits: whole(device, 'subproc_count', 1, place),
    memoryBytes: size(device, 'memory_size', place),
    isMig: key === 'cuda' && isMig === true,
  };
}

function readFormat(value: unknown, place: string): MockFormat {
  const format = table(value, place);
  const number = table(format['number_format'], `${place}.number_format`);
  const binary = number['binary'];
  if (typeof binary !== 'boolean') throw invalid(`${place}.number_format.binary`, 'must be true or false');
  return {
    human_readable_name: text(format, 'human_readable_name', `${place}.`),
    description: text(format, 'description', `${place}.`),
    display_unit: text(format, 'display_unit', `${place}.`),
    display_icon: text(format, 'display_icon', `${place}.`),
    number_format: { binary, round_length: whole(number, 'round_length', 0, `${place}.number_format.`) },
  };
}

function table(value: unknown, place: string): Table {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw invalid(place, 'must be a table');
}

function text(from: Table, key: string, place = ''): string {
  const value = from[key];
  if (typeof value === 'string') return value;
  throw invalid(place + key, 'must be a text');
}

function whole(from: Table, key: string, least: number, place: string): number {
  const value = from[key];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw invalid(place + key, `must be a whole number of at least ${least}`);
}

function size(from: Table, key: string, place: string): number {
  try {
    const bytes = parseFiniteBinarySize(String(from[key])).toNumber();
    if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  } catch (error) {
    throw invalid(place + key, `cannot be read: ${toKerneletError(error).message}`);
  }
  throw invalid(place + key, 'must be a size from 0 up to some petabytes');
}

const invalid = (key: string, problem: string): KerneletError =>
  new KerneletError('INVALID_CONFIG', `mock accelerator: ${key} ${problem}`, { context: { key } });
