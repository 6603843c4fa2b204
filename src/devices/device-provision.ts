/**
 * What a kernel gets along with its devices. The plugins are asked once, when the devices are taken; the answers go into
 * the kernel's record, so that its container can be made again without them. Pure.
 */
import { KerneletError } from '../lib/errors.ts';
import type { DeviceArguments, DeviceMount, DeviceRequest } from '../resources/device-arguments.ts';
import type { SlotType } from '../resources/slot-name.ts';
import type { AttachedDevice } from './device-plugin.ts';

/** What one plugin answers about what a kernel has of it. */
export interface DeviceAnswers {
  readonly arguments: DeviceArguments;
  readonly resourceData: readonly (readonly [string, string])[];
  readonly attached: readonly AttachedDevice[];
}

/** What a kernel gets, beside cores and memory. */
export interface DeviceProvision {
  /** What was asked for: every slot that the node knows, with its type and amount. */
  readonly slots: readonly (readonly [slot: string, type: SlotType, amount: string])[];
  readonly environ: readonly (readonly [string, string])[];
  readonly requests: readonly DeviceRequest[];
  /** The engine's runtime; null for its default. */
  readonly runtime: string | null;
  /** Device files of the host. */
  readonly nodes: readonly string[];
  /** Libraries of the host for `LD_PRELOAD`, in the order of the plugins. */
  readonly hooks: readonly string[];
  /** Of the host, to be read. */
  readonly mounts: readonly DeviceMount[];
  /** Of the engine, beside the kernel's own. */
  readonly networks: readonly string[];
  /** Lines of `resource.txt`. */
  readonly data: readonly (readonly [string, string])[];
  /** By device type, as the manager accounts them. */
  readonly attached: readonly (readonly [string, readonly AttachedDevice[]])[];
}

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

/** What the container itself needs beside mounts, with absent fields where that is nothing. */
export function containerDevices(
  provision: DeviceProvision,
): Omit<DeviceArguments, 'cores' | 'memoryBytes' | 'sharedMemoryBytes' | 'hooks' | 'mounts' | 'networks'> {
  const { environ, requests, runtime, nodes } = provision;
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
