/**
 * GPUs of the NVIDIA driver, looked for and measured in a process with a deadline (spec resources-and-stats 14), and
 * who of those that share one uses how much of it, by the processes that the driver tells of. Where it tells of none,
 * or of none that is known here, a kernel has the figures of the whole GPU: it must not be taken for idle.
 */
import type { Clock } from '../lib/clock.ts';
import type { Decimal } from '../lib/decimal.ts';
import { programFile } from '../lib/installation.ts';
import type { Logger } from '../lib/log.ts';
import { ModuleHost } from '../lib/module-host/module-host.ts';
import { baseSlotOf } from './accelerator-units.ts';
import { type CudaDiscovery, cudaFacts, isDriverThere } from './cuda-discovery.ts';
import { type CudaDevice, type CudaFacts, cudaPlugin } from './cuda-plugin.ts';
import {
  type DeviceHolder,
  type DeviceMeasure,
  type DeviceMeasureKind,
  type MeasuredAmount,
  summed,
  wholeDeviceMeasure,
} from './device-plugin.ts';
import { limitsOf } from './fractional-gpu.ts';
import { inProcess, type NodePlugin } from './node-plugin.ts';
import {
  type NvmlDevice,
  type NvmlProcess,
  type NvmlReport,
  type NvmlUse,
  readNvmlReport,
  readNvmlUses,
} from './nvml-report.ts';
import type { PluginSource } from './plugin-source.ts';

/** Where GPUs are looked for. */
export interface CudaSourceOptions extends CudaDiscovery {
  readonly agentVersion: string;
  readonly log: Logger;
  /** By which answers are bounded; the system's when absent. */
  readonly clock?: Clock;
}

/** The driver may have to wake the GPUs before it answers. */
const discoveryMs = 10_000;
const measuringMs = 2_000;
const memory: DeviceMeasureKind = { key: 'cuda_mem', unit: 'bytes', filter: ['max'], hook: null };
const utilization: DeviceMeasureKind = { key: 'cuda_util', unit: 'percent', filter: ['avg', 'max'], hook: null };

/** The source; without a driver it is off, in one line of the log. */
export function cudaSource(options: CudaSourceOptions): PluginSource {
  const { agentVersion, log } = options;
  const module = programFile('devices/nvml-module');
  const host = new ModuleHost({
    specifier: module,
    from: module,
    title: 'the NVIDIA driver',
    log,
    clock: options.clock,
  });
  const paths = { library: options.options['library'] ?? '', cudaLibrary: options.options['cuda_library'] ?? '' };
  const ids = new GpuIds();
  let last: { readonly text: string; readonly plugin: NodePlugin } | null = null;
  let isAbsenceTold = false;

  const report = async (signal: AbortSignal): Promise<NvmlReport> => {
    try {
      return host.read(await host.call('discover', paths, { signal, timeoutMs: discoveryMs }), readNvmlReport);
    } catch (error) {
      // A driver that was exchanged needs a process that loads the new one.
      host.end('failed');
      throw error;
    }
  };

  const factsOf = async (found: NvmlReport): Promise<CudaFacts> => {
    try {
      return await cudaFacts(options, found, (gpu) => ids.of(gpu));
    } catch (error) {
      // What offers nothing needs no process.
      if (!last) host.end('is of no use');
      throw error;
    }
  };

  return {
    name: 'cuda',
    async discover(signal) {
      if (!(await isDriverThere(options))) {
        host.end('is gone');
        if (!isAbsenceTold) log.info('cuda is off: this machine has no NVIDIA driver');
        isAbsenceTold = true;
        return null;
      }
      const facts = await factsOf(await report(signal));
      const text = JSON.stringify(facts);
      if (last?.text === text) return last.plugin;
      const measure = async (holders: readonly DeviceHolder[], within: AbortSignal) => {
        const json = await host.call('measure', paths, { signal: within, timeoutMs: measuringMs });
        const uses = usesById(facts, host.read(json, readNvmlUses));
        const processes = new Map([...uses].map(([id, use]) => [id, use.processes] as const));
        const shareSlot = facts.shares?.mode === 'fractional' ? baseSlotOf('cuda', facts.shares) : null;
        const measured = (kind: DeviceMeasureKind, amountOf: AmountOf, figure: ProcessFigure) =>
          byProcesses(
            wholeDeviceMeasure(kind, amounts(uses, amountOf), holders),
            processes,
            holders,
            shareSlot,
            figure,
          );
        return [
          measured(memory, memoryOf, {
            of: (process) => process.memory,
            capacityOf: (share) => (facts.shares ? limitsOf(share, facts.shares).memoryBytes : share).toNumber(),
          }),
          measured(utilization, utilizationOf, { of: (process) => process.utilization, capacityOf: () => 100 }),
        ];
      };
      last = { text, plugin: { ...inProcess(cudaPlugin(facts), agentVersion), measure } };
      return last.plugin;
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

/** GPUs by their index, as people know them; one that has an index already keeps it when others go. */
class GpuIds {
  readonly #ids = new Map<string, string>();

  of({ uuid, index }: NvmlDevice): string {
    const known = this.#ids.get(uuid);
    if (known !== undefined) return known;
    const taken = new Set(this.#ids.values());
    let id = index;
    while (taken.has(String(id))) id += 1;
    this.#ids.set(uuid, String(id));
    return String(id);
  }
}

function usesById({ devices }: CudaFacts, uses: readonly NvmlUse[]): ReadonlyMap<string, NvmlUse> {
  const byUuid = new Map(uses.map((use) => [use.uuid, use]));
  return new Map(
    devices.flatMap(({ id, uuid }: CudaDevice) => {
      const use = byUuid.get(uuid ?? id);
      return use ? [[id, use] as const] : [];
    }),
  );
}

type AmountOf = (use: NvmlUse) => MeasuredAmount | null;

function amounts(uses: ReadonlyMap<string, NvmlUse>, amountOf: AmountOf): ReadonlyMap<string, MeasuredAmount> {
  return new Map(
    [...uses].flatMap(([id, use]) => {
      const amount = amountOf(use);
      return amount ? [[id, amount] as const] : [];
    }),
  );
}

const memoryOf = ({ used, total }: NvmlUse): MeasuredAmount => ({ value: used, capacity: total });
const utilizationOf = ({ utilization: percent }: NvmlUse): MeasuredAmount | null =>
  percent === null ? null : { value: percent, capacity: 100 };

/** The processes on each GPU, by device; null where the driver doesn't tell. */
export type GpuProcesses = ReadonlyMap<string, readonly NvmlProcess[] | null>;

/** One measure of a GPU that is the sum over the processes on it. */
interface ProcessFigure {
  /** What a process has of a GPU; null where that isn't known. */
  readonly of: (process: NvmlProcess) => number | null;
  /** What a kernel with a share may have of a GPU. */
  readonly capacityOf: (share: Decimal) => number;
}

/** The measure with its processes, and with kernels that have shares by what is theirs. */
export function byProcesses(
  whole: DeviceMeasure,
  processes: GpuProcesses,
  holders: readonly DeviceHolder[],
  shareSlot: string | null,
  figure: ProcessFigure,
): DeviceMeasure {
  const telling = tellingDevices(processes, holders, figure);
  const kernels = new Map(whole.kernels);
  const ofProcesses = new Map<number, MeasuredAmount[]>();
  for (const { kernel, allocation, pids } of holders) {
    const own = new Set(pids);
    const used = (id: string): readonly NvmlProcess[] => (telling.get(id) ?? []).filter(({ pid }) => own.has(pid));
    const ids = [...allocation.values()].flatMap((amounts) => [...amounts.keys()]);
    for (const id of ids) {
      const capacity = whole.devices.get(id)?.capacity ?? null;
      for (const process of used(id)) {
        const amounts = ofProcesses.get(process.pid) ?? [];
        amounts.push({ value: figure.of(process) ?? 0, capacity });
        ofProcesses.set(process.pid, amounts);
      }
    }
    const shares = [...(allocation.get(shareSlot ?? '') ?? [])].filter(([, share]) => share.gt(0));
    // A container that lives has processes: where none are known, they could not be read.
    if (pids.length === 0 || shares.length === 0 || !shares.every(([id]) => telling.has(id))) continue;
    const parts = shares.map(([id, share]) => ({
      value: used(id).reduce((total, process) => total + (figure.of(process) ?? 0), 0),
      capacity: figure.capacityOf(share),
    }));
    kernels.set(kernel, summed(parts));
  }
  return { ...whole, kernels, processes: new Map([...ofProcesses].map(([pid, amounts]) => [pid, summed(amounts)])) };
}

/**
 * The GPUs whose processes are all known with their figures. Pids of another namespace would be nobody's here: one of
 * them must be a holder's, unless there are none.
 */
function tellingDevices(
  processes: GpuProcesses,
  holders: readonly DeviceHolder[],
  figure: ProcessFigure,
): ReadonlyMap<string, readonly NvmlProcess[]> {
  const known = new Set(holders.flatMap(({ pids }) => pids));
  return new Map(
    [...processes].flatMap(([id, all]) => {
      if (all === null || !all.every((process) => figure.of(process) !== null)) return [];
      return all.length === 0 || all.some(({ pid }) => known.has(pid)) ? [[id, all] as const] : [];
    }),
  );
}
