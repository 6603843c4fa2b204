/** What is read of a container at one moment. */
import type { MissingMetric } from './missing-metric.ts';

/** Microseconds that something waited for a resource, since the container's start. */
export interface Stall {
  /** While at least one process waited. */
  readonly some: number;
  /** While all of them did; null where the kernel does not tell. */
  readonly full: number | null;
}

/** Figures that only grow while the container lives; null = not known on this host, or a gap. */
export interface ContainerCounters {
  readonly cpuMicroseconds: number | null;
  /** While processes were held back by the limit on CPU time. */
  readonly throttledMicroseconds: number | null;
  /** Enforcement periods of the limit on CPU time. */
  readonly cpuPeriods: number | null;
  readonly throttledPeriods: number | null;
  readonly outOfMemoryKills: number | null;
  /** How often a process could not be made for want of permission to have more. */
  readonly processLimitHits: number | null;
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  readonly receivedBytes: number | null;
  readonly sentBytes: number | null;
}

/** Figures of one container at one moment; null = not known on this host, or a gap. */
export interface ContainerSample extends ContainerCounters {
  /** In use, without the page cache that can be dropped at any time. */
  readonly memoryBytes: number | null;
  /** The most that was ever charged, page cache included. */
  readonly memoryPeakBytes: number | null;
  /** Its limit, or what the node has. */
  readonly memoryLimitBytes: number | null;
  readonly processes: number | null;
  /** null also when there is none. */
  readonly processesLimit: number | null;
  readonly cpuStall: Stall | null;
  readonly memoryStall: Stall | null;
  readonly ioStall: Stall | null;
  readonly gaps: readonly MissingMetric[];
}

/** A sample without figures. */
export const emptySample: ContainerSample = {
  cpuMicroseconds: null,
  throttledMicroseconds: null,
  cpuPeriods: null,
  throttledPeriods: null,
  outOfMemoryKills: null,
  processLimitHits: null,
  readBytes: null,
  writtenBytes: null,
  receivedBytes: null,
  sentBytes: null,
  memoryBytes: null,
  memoryPeakBytes: null,
  memoryLimitBytes: null,
  processes: null,
  processesLimit: null,
  cpuStall: null,
  memoryStall: null,
  ioStall: null,
  gaps: [],
};
