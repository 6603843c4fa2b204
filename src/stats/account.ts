/**
 * A kernel's account: what it has used since its creation, over restarts of its container, whose counters begin at 0,
 * and over restarts of the agent. Pure.
 */
import { type ContainerCounters, type ContainerSample, counterFields, emptyCounters } from './container-sample.ts';
import { allKernelFigures, figuresShown, type PeakName, type UsageName } from './figures.ts';
import { type KeptOveruse, type Overuse, overuseKinds } from './overuse.ts';

/** The most that was ever seen; null = never seen. */
type Peaks = Readonly<Record<PeakName, number | null>>;

/** What is kept of a kernel: counters by container, and peaks. */
export interface Account extends Peaks {
  readonly kernelId: string;
  readonly containerId: string;
  /** Of its containers before this one. */
  readonly carried: ContainerCounters;
  /** Of this container, when last seen. */
  readonly last: ContainerCounters;
  /** Milliseconds since the epoch: the first sample and the last one. */
  readonly since: number;
  readonly at: number;
  /** As the file has it; a process that runs has it in its watch. */
  readonly overuse: readonly KeptOveruse[];
}

/** What a kernel has used since its creation; null = never known. */
export type KernelUsage = Readonly<Record<UsageName, number | null>> & {
  /** Milliseconds since the epoch: the first sample and the last one. */
  readonly since: number;
  readonly at: number;
  readonly overuse: readonly Overuse[];
};

const peaks = allKernelFigures.flatMap((row) =>
  row.type === 'peak' ? [{ name: row.name as PeakName, from: row.from }] : [],
);
const usageRows = figuresShown('usage');
const noPeaks = Object.fromEntries(peaks.map(({ name }) => [name, null])) as Peaks;

/** The account in the form for readers. */
export function usageOf(account: Account, overuse: readonly Overuse[]): KernelUsage {
  const counters = totals(account);
  const figures = usageRows.map((row) => {
    if (row.type === 'counter') return [row.name, inUnit(counters[row.from], row.per)];
    return [row.name, account[row.name as PeakName]];
  });
  const used = Object.fromEntries(figures) as Readonly<Record<UsageName, number | null>>;
  return { since: account.since, at: account.at, ...used, overuse };
}

/** Adds a sample that was taken at `now`, in milliseconds since the epoch. */
export function addSample(
  account: Account | undefined,
  { kernelId, containerId }: { readonly kernelId: string; readonly containerId: string },
  sample: ContainerSample,
  now: number,
): Account {
  const isSame = account?.containerId === containerId;
  const before = isSame ? account.last : emptyCounters;
  const carried: Record<keyof ContainerCounters, number | null> = {
    ...(isSame ? account.carried : account ? totals(account) : emptyCounters),
  };
  const last: Record<keyof ContainerCounters, number | null> = { ...before };
  for (const name of counterFields) {
    const [value, seen] = [sample[name], before[name]];
    if (value === null) continue;
    // A counter of one container that goes back was set to 0 by somebody.
    if (seen !== null && value < seen) carried[name] = sum(carried[name], seen);
    last[name] = value;
  }
  const { since = now, overuse = [] } = account ?? {};
  const next: Account & Record<PeakName, number | null> = {
    ...noPeaks,
    ...account,
    kernelId,
    containerId,
    carried,
    last,
    since,
    at: now,
    overuse,
  };
  for (const { name, from } of peaks) {
    for (const field of from) {
      const value = sample[field];
      if (value === null) continue;
      next[name] = Math.max(next[name] ?? value, value);
      break;
    }
  }
  return next;
}

/** What was used in all; null = never known. */
export function totals({ carried, last }: Pick<Account, 'carried' | 'last'>): ContainerCounters {
  const all: Record<keyof ContainerCounters, number | null> = { ...carried };
  for (const name of counterFields) all[name] = sum(carried[name], last[name]);
  return all;
}

/** Reads what `JSON.stringify` wrote of an account; null for anything else. */
export function parseAccount(value: unknown): Account | null {
  if (!isRecord(value)) return null;
  const { kernelId, containerId, carried, last, since, at, overuse } = value;
  if (typeof kernelId !== 'string' || typeof containerId !== 'string' || !isRecord(carried) || !isRecord(last))
    return null;
  if (typeof since !== 'number' || typeof at !== 'number') return null;
  return {
    kernelId,
    containerId,
    carried: figuresIn(carried, counterFields),
    last: figuresIn(last, counterFields),
    ...figuresIn(
      value,
      peaks.map(({ name }) => name),
    ),
    since,
    at,
    overuse: Array.isArray(overuse) ? overuse.flatMap((one) => parseOveruse(one) ?? []) : [],
  };
}

function figuresIn<Name extends string>(
  record: Readonly<Record<string, unknown>>,
  names: readonly Name[],
): Readonly<Record<Name, number | null>> {
  const figure = (value: unknown): number | null =>
    typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : null;
  return Object.fromEntries(names.map((name) => [name, figure(record[name])])) as Record<Name, number | null>;
}

function parseOveruse(value: unknown): KeptOveruse | null {
  if (!isRecord(value)) return null;
  const { count, firstAt, lastAt, detail } = value;
  const kind = overuseKinds.find((one) => one === value['kind']);
  if (kind === undefined || typeof detail !== 'string') return null;
  if (typeof count !== 'number' || typeof firstAt !== 'number' || typeof lastAt !== 'number') return null;
  return { kind, count, firstAt, lastAt, detail, isOn: value['isOn'] === true };
}

/** A counter of the sample in the figure's unit. */
export const inUnit = (value: number | null, per = 1): number | null => (value === null ? null : value / per);

const sum = (left: number | null, right: number | null): number | null =>
  left === null || right === null ? (left ?? right) : left + right;
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
