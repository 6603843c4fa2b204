/**
 * A third party's device plugin, in a process with a deadline for every call: one that throws, hangs or lies costs what it
 * offers and nothing else.
 */
import type { Clock } from '../lib/clock.ts';
import { sum } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { ModuleHost } from '../lib/module-host/module-host.ts';
import { type Allocation, assignedIds } from '../resources/allocation.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import { type DeviceHolder, sumBySlot } from './device-plugin.ts';
import { machineName } from './host-capacity.ts';
import { readMeasures } from './measure-messages.ts';
import type { NodePlugin } from './node-plugin.ts';
import {
  type PluginDescription,
  readAnswers,
  readDescription,
  readHardware,
  slotDevicesOf,
} from './plugin-messages.ts';
import type { PluginSource } from './plugin-source.ts';

/** Which plugin, from where, and with which options. */
export interface HostedPluginOptions {
  /** A package, or an absolute path. */
  readonly specifier: string;
  /** A file or folder from which packages are resolved. */
  readonly from: string;
  readonly options: Readonly<Record<string, string>>;
  readonly log: Logger;
  /** For each call; 5 s when absent. */
  readonly timeoutMs?: number;
  /** By which calls are bounded; the system's when absent. */
  readonly clock?: Clock;
}

/** Shorter than a round of statistics. */
const measuringMs = 2_000;

/** The source of the plugin; its process is started by the first discovery. */
export function hostedPlugin(options: HostedPluginOptions): PluginSource {
  const { specifier } = options;
  const host = new ModuleHost({ ...options, title: `the device plugin ${specifier}` });
  const question = { options: options.options };
  let last: { readonly json: string; readonly plugin: NodePlugin } | null = null;
  return {
    name: specifier,
    async discover(signal) {
      const json = await host.call('discover', question, { signal }).catch((error: unknown) => {
        // What offers nothing needs no process.
        if (!last) host.end('is off');
        throw error;
      });
      if (last?.json === json) return last.plugin;
      const plugin = describedPlugin(host.read(json, readDescription), host, options.timeoutMs);
      if (last && last.plugin.key !== plugin.key) {
        throw new KerneletError(
          'INVALID_CONFIG',
          `the device plugin ${specifier} calls itself ${plugin.key}, and was ${last.plugin.key}`,
        );
      }
      // What it has is known by now, but another process may need to discover it first.
      host.greetWith('discover', question);
      last = { json, plugin };
      return plugin;
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function describedPlugin(description: PluginDescription, host: ModuleHost, timeoutMs: number | undefined): NodePlugin {
  const { key, kind, strategy, quantum, exclusiveSlots: exclusive } = description;
  const devices = slotDevicesOf(description);
  const deviceIds = new Set(devices.map(({ id }) => id));
  return {
    ...description,
    devices: description.units.map(({ device }) => device),
    availableSlots: () => {
      const slots = new Map(description.slotTypes.map(([slot]) => [slot, sum([])]));
      return new Map([...slots, ...sumBySlot(devices.map(({ slot, amount }) => [slot, amount] as const))]);
    },
    createMap: () => new AllocationMap({ kind, strategy, quantum, exclusive, devices }),
    async answer(allocation, signal, image) {
      // A kernel without its devices doesn't depend on the plugin.
      if (assignedIds(allocation).length === 0) return { arguments: {}, resourceData: [], attached: [] };
      const question = { devices: messageOf(allocation), distro: image?.distro ?? null, arch: machineName() };
      const json = await host.call('answer', question, { signal });
      return host.read(json, (text) => readAnswers(text, allocation));
    },
    async hardware(signal) {
      return host.read(await host.call('hardware', {}, { signal }), readHardware);
    },
    async measure(holders, signal) {
      const kernels = holders.filter(({ allocation }) => assignedIds(allocation).length > 0).map(holderMessage);
      const json = await host.call(
        'measure',
        { kernels },
        { signal, timeoutMs: Math.min(measuringMs, timeoutMs ?? measuringMs) },
      );
      return host.read(json, (text) => readMeasures(text, { key, deviceIds, holders }));
    },
  };
}

const messageOf = (allocation: Allocation) =>
  [...allocation].flatMap(([slot, amounts]) =>
    [...amounts].map(([device, amount]) => ({ slot, device, amount: amount.toFixed() })),
  );

const holderMessage = ({ kernel, container, allocation, pids }: DeviceHolder) => ({
  kernel,
  container,
  devices: messageOf(allocation),
  processes: pids,
});
