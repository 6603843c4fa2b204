/**
 * Who of those that share a GPU uses how much of it, by the processes that the driver tells of. Where it tells of none, or
 * of none that is known here, a kernel has the figures of the whole GPU: it must not be taken for idle. Pure.
 */
import type { Decimal } from '../lib/decimal.ts';
import { type DeviceHolder, type DeviceMeasure, type MeasuredAmount, summed } from './device-measures.ts';
import type { NvmlProcess } from './nvml-report.ts';

/** The processes on each GPU, by device; null where the driver doesn't tell. */
export type GpuProcesses = ReadonlyMap<string, readonly NvmlProcess[] | null>;

/** One measure of a GPU that is the sum over the processes on it. */
export interface ProcessFigure {
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
