/** What is read of a container at one moment. */
import { systemErrorCode } from '../lib/system-error.ts';
import { allKernelFigures, type CounterField, type SampleField, type StallName } from './figures.ts';

/** Microseconds that something waited for a resource, since the container's start. */
export interface Stall {
  /** While at least one process waited. */
  readonly some: number;
  /** While all of them did; null where the kernel does not tell. */
  readonly full: number | null;
}

/** Figures that only grow while the container lives; null = not known on this host, or missing. */
export type ContainerCounters = Readonly<Record<CounterField, number | null>>;

/**
 * Figures of one container at one moment; null = not known on this host, or missing. `memoryBytes` leaves out the page
 * cache that can be dropped at any time, `memoryPeakBytes` does not; without a limit `memoryLimitBytes` is what the node
 * has, and `processesLimit` null. `scratchBytes` is found by walks in the background, not with the others.
 */
export type ContainerSample = Readonly<Record<SampleField, number | null>> &
  Readonly<Record<StallName, Stall | null>> & { readonly missing: readonly MissingMetric[] };

/** Something that was measured, with its monotonic time in seconds. */
export type Timed<Measured> = Measured & { readonly at: number };

/** A collector's figures that are missing in a sample, or in a round of the node. */
export interface MissingMetric {
  /** The collector of the figures: `memory`. */
  readonly source: string;
  /** One sentence: `memory.stat has no line inactive_file`. */
  readonly reason: string;
}

/** By what was thrown while the figures were read. */
export function missingMetricOf(source: string, thrown: unknown): MissingMetric {
  const code = systemErrorCode(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { source, reason: code === undefined || message.includes(code) ? message : `${message} (${code})` };
}

const counters = new Set(allKernelFigures.flatMap((row) => (row.type === 'counter' ? [row.from] : [])));

/** The counters of a sample. */
export const counterFields: readonly CounterField[] = [...counters];

/** Counters of which nothing is known. */
export const emptyCounters = Object.fromEntries(counterFields.map((name) => [name, null])) as ContainerCounters;

const levels = allKernelFigures.flatMap((row): readonly string[] => {
  if (row.type === 'level' || row.type === 'stall') return [row.name];
  return row.type === 'peak' ? row.from : [];
});

/** A sample in which nothing is known: what collectors fill in, and what a kernel has before its first. */
export const emptySample: ContainerSample = {
  ...emptyCounters,
  ...(Object.fromEntries(levels.map((name) => [name, null])) as Record<SampleField | StallName, null>),
  missing: [],
};
