/**
 * A kernel's account: what it has used since its creation, over restarts of its container, whose counters begin at 0,
 * and over restarts of the agent. Pure.
 */
import type { ContainerCounters, ContainerSample } from './container-sample.ts';
import { type KeptOveruse, type Overuse, overuseKinds } from './overuse.ts';

/** The account. */
export interface Account {
  readonly kernelId: string;
  readonly containerId: string;
  /** Of its containers before this one. */
  readonly carried: ContainerCounters;
  /** Of this container, when last seen. */
  readonly last: ContainerCounters;
  /** The most that was ever seen; null = never seen. */
  readonly memoryPeakBytes: number | null;
  readonly processesPeak: number | null;
  readonly scratchPeakBytes: number | null;
  /** Milliseconds since the epoch: the first sample and the last one. */
  readonly since: number;
  readonly at: number;
  /** As the file has it; a process that runs has it in its watch. */
  readonly overuse: readonly KeptOveruse[];
}

/** What a kernel has used since its creation; null = never known. */
export interface KernelUsage {
  /** Milliseconds since the epoch: the first sample and the last one. */
  readonly since: number;
  readonly at: number;
  readonly cpuSeconds: number | null;
  /** While the limit on CPU time held processes back. */
  readonly throttledSeconds: number | null;
  readonly memoryPeakBytes: number | null;
  readonly outOfMemoryKills: number | null;
  readonly processesPeak: number | null;
  readonly processLimitHits: number | null;
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  readonly receivedBytes: number | null;
  readonly sentBytes: number | null;
  readonly scratchPeakBytes: number | null;
  readonly overuse: readonly Overuse[];
}

/** The account in the form for readers. */
export function usageOf(account: Account, overuse: readonly Overuse[]): KernelUsage {
  const counters = totals(account);
  return {
    since: account.since,
    at: account.at,
    cpuSeconds: seconds(counters.cpuMicroseconds),
    throttledSeconds: seconds(counters.throttledMicroseconds),
    memoryPeakBytes: account.memoryPeakBytes,
    outOfMemoryKills: counters.outOfMemoryKills,
    processesPeak: account.processesPeak,
    processLimitHits: counters.processLimitHits,
    readBytes: counters.readBytes,
    writtenBytes: counters.writtenBytes,
    receivedBytes: counters.receivedBytes,
    sentBytes: counters.sentBytes,
    scratchPeakBytes: account.scratchPeakBytes,
    overuse,
  };
}

/** Adds a sample that was taken at `now`, in milliseconds since the epoch. */
export function entered(
  account: Account | undefined,
  of: { readonly kernelId: string; readonly containerId: string },
  sample: ContainerSample,
  scratchBytes: number | null,
  now: number,
): Account {
  const isSame = account?.containerId === of.containerId;
  const before = isSame ? account.last : nothing;
  const carried = isSame ? account.carried : account ? totals(account) : nothing;
  return {
    ...of,
    // A counter of one container that goes back was set to 0 by somebody.
    carried: counters((name) =>
      isBelow(sample[name], before[name]) ? sum(carried[name], before[name]) : carried[name],
    ),
    last: counters((name) => sample[name] ?? before[name]),
    memoryPeakBytes: most(account?.memoryPeakBytes, sample.memoryPeakBytes ?? sample.memoryBytes),
    processesPeak: most(account?.processesPeak, sample.processes),
    scratchPeakBytes: most(account?.scratchPeakBytes, scratchBytes),
    since: account?.since ?? now,
    at: now,
    overuse: account?.overuse ?? [],
  };
}

/** What was used in all; null = never known. */
export function totals({ carried, last }: Pick<Account, 'carried' | 'last'>): ContainerCounters {
  return counters((name) => sum(carried[name], last[name]));
}

/** Reads what `JSON.stringify` wrote of an account; null for anything else. */
export function parseAccount(value: unknown): Account | null {
  if (!isRecord(value)) return null;
  const { kernelId, containerId, carried, last, since, at } = value;
  if (typeof kernelId !== 'string' || typeof containerId !== 'string' || !isRecord(carried) || !isRecord(last))
    return null;
  if (typeof since !== 'number' || typeof at !== 'number') return null;
  const figure = (candidate: unknown): number | null =>
    typeof candidate === 'number' && candidate >= 0 && Number.isFinite(candidate) ? candidate : null;
  return {
    kernelId,
    containerId,
    carried: counters((name) => figure(carried[name])),
    last: counters((name) => figure(last[name])),
    memoryPeakBytes: figure(value['memoryPeakBytes']),
    processesPeak: figure(value['processesPeak']),
    scratchPeakBytes: figure(value['scratchPeakBytes']),
    since,
    at,
    overuse: Array.isArray(value['overuse']) ? value['overuse'].flatMap((one) => parseOveruse(one) ?? []) : [],
  };
}

function parseOveruse(value: unknown): KeptOveruse | null {
  if (!isRecord(value)) return null;
  const { count, firstAt, lastAt, detail } = value;
  const kind = overuseKinds.find((one) => one === value['kind']);
  if (kind === undefined || typeof detail !== 'string') return null;
  if (typeof count !== 'number' || typeof firstAt !== 'number' || typeof lastAt !== 'number') return null;
  return { kind, count, firstAt, lastAt, detail, isOn: value['isOn'] === true };
}

function counters(of: (name: keyof ContainerCounters) => number | null): ContainerCounters {
  // One literal rather than a loop: it is made for every container in every round.
  return {
    cpuMicroseconds: of('cpuMicroseconds'),
    throttledMicroseconds: of('throttledMicroseconds'),
    cpuPeriods: of('cpuPeriods'),
    throttledPeriods: of('throttledPeriods'),
    outOfMemoryKills: of('outOfMemoryKills'),
    processLimitHits: of('processLimitHits'),
    readBytes: of('readBytes'),
    writtenBytes: of('writtenBytes'),
    receivedBytes: of('receivedBytes'),
    sentBytes: of('sentBytes'),
  };
}

/** Microseconds as seconds. */
export const seconds = (microseconds: number | null): number | null =>
  microseconds === null ? null : microseconds / 1e6;

const nothing = counters(() => null);
const sum = (left: number | null, right: number | null): number | null =>
  left === null || right === null ? (left ?? right) : left + right;
const isBelow = (now: number | null, before: number | null): boolean => now !== null && before !== null && now < before;
const most = (left: number | null | undefined, right: number | null): number | null =>
  left === null || left === undefined || right === null ? (left ?? right) : Math.max(left, right);
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
