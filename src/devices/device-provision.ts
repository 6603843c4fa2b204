/**
 * What a kernel gets along with its devices. The plugins are asked once, when the devices are taken; the answers go into
 * the kernel's record, so that its container can be made again without them. Pure.
 */
import { KerneletError } from '../lib/errors.ts';
import {
  fields,
  JsonFormError,
  list,
  newer,
  nullable,
  oneOf,
  pair,
  type Reader,
  type TypeOf,
  text,
  triple,
} from '../lib/json-reader.ts';
import { type DeviceArguments, deviceMount, deviceRequest } from '../resources/device-arguments.ts';
import { type SlotType, slotTypes } from '../resources/slot-name.ts';
import { type AttachedDevice, attachedDevice } from './device-plugin.ts';

/** What one plugin answers about what a kernel has of it. */
export interface DeviceAnswers {
  readonly arguments: DeviceArguments;
  readonly resourceData: readonly (readonly [string, string])[];
  readonly attached: readonly AttachedDevice[];
}

const slotWish: Reader<readonly [slot: string, type: SlotType, amount: string]> = (value, place) => {
  const [slot, type, amount] = triple(value, place);
  return [slot, oneOf(slotTypes)(type, place), amount];
};

const attachedOfType: Reader<readonly [type: string, devices: readonly AttachedDevice[]]> = (value, place) => {
  const [type, devices, ...rest] = list((item) => item)(value, place);
  if (rest.length > 0) throw new JsonFormError(place, 'a pair');
  return [text(type, place), list(attachedDevice)(devices, place)];
};

/** What a kernel gets, beside cores and memory. */
export type DeviceProvision = TypeOf<typeof deviceProvision>;
/** How the record of a kernel keeps it. */
export const deviceProvision = fields({
  /** What was asked for: every slot that the node knows, with its type and amount. */
  slots: list(slotWish),
  environ: list(pair),
  requests: list(deviceRequest),
  /** The engine's runtime; null for its default. */
  runtime: nullable(text),
  /** Device files of the host. */
  nodes: list(text),
  /** Libraries of the host for `LD_PRELOAD`, in the order of the plugins. */
  hooks: newer(list(text), []),
  /** Of the engine, beside the kernel's own. */
  networks: newer(list(text), []),
  /** Of the host, to be read. */
  mounts: newer(list(deviceMount), []),
  /** Lines of `resource.txt`. */
  data: list(pair),
  /** By device type, as accounts of the session list them. */
  attached: list(attachedOfType),
});

/** That of a kernel without anything. */
export const noProvision: DeviceProvision = {
  slots: [],
  environ: [],
  requests: [],
  runtime: null,
  nodes: [],
  hooks: [],
  mounts: [],
  networks: [],
  data: [],
  attached: [],
};

/** Puts the answers of all plugins together, in the order of allocation. Throws INVALID_CONFIG when they contradict. */
export function provisionOf(
  answers: ReadonlyMap<string, DeviceAnswers>,
  slots: DeviceProvision['slots'],
): DeviceProvision {
  const all = [...answers.values()];
  const runtimes = new Set(all.flatMap(({ arguments: { runtime } }) => runtime ?? []));
  if (runtimes.size > 1) {
    const names = [...runtimes].join(' and ');
    throw new KerneletError('INVALID_CONFIG', `devices of one kernel want different runtimes of the engine: ${names}`);
  }
  return {
    slots,
    environ: all.flatMap(({ arguments: { environ = [] } }) => environ.map(variable)),
    requests: all.flatMap(({ arguments: { requests = [] } }) => requests),
    runtime: [...runtimes][0] ?? null,
    nodes: [...new Set(all.flatMap(({ arguments: { nodes = [] } }) => nodes))],
    hooks: [...new Set(all.flatMap(({ arguments: { hooks = [] } }) => hooks))],
    networks: [...new Set(all.flatMap(({ arguments: { networks = [] } }) => networks))],
    mounts: all.flatMap(({ arguments: { mounts = [] } }) => mounts),
    data: all.flatMap(({ resourceData }) => resourceData),
    attached: [...answers].flatMap(([type, { attached }]) => (attached.length > 0 ? [[type, attached] as const] : [])),
  };
}

/** What the container itself needs beside mounts, with absent fields where that is nothing. `common`: device files that every kernel gets. */
export function containerDevices(
  provision: DeviceProvision,
  common: readonly string[] = [],
): Omit<DeviceArguments, 'cores' | 'memoryBytes' | 'sharedMemoryBytes' | 'hooks' | 'mounts' | 'networks'> {
  const { environ, requests, runtime } = provision;
  const nodes = [...new Set([...common, ...provision.nodes])];
  return {
    ...(requests.length === 0 ? {} : { requests }),
    ...(runtime === null ? {} : { runtime }),
    ...(nodes.length === 0 ? {} : { nodes }),
    // Runtimes of the engine read them there; the tenant's programs get them from the runner.
    ...(environ.length === 0 ? {} : { environ: environ.map(([name, value]) => `${name}=${value}`) }),
  };
}

function variable(entry: string): readonly [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}
