/** What is known of each kernel: its account, its rates, its over-use. No I/O; time is an argument. */
import type { MeasuredAmount } from '../devices/device-plugin.ts';
import type { ContainerId, KernelId, SessionId } from '../lib/ids.ts';
import { type Account, addSample, inUnit, type KernelUsage, totals, usageOf } from './account.ts';
import {
  type ContainerCounters,
  type ContainerSample,
  emptyCounters,
  emptySample,
  type MissingMetric,
  type Stall,
} from './container-sample.ts';
import {
  type CounterField,
  figuresShown,
  type LevelName,
  type NumberName,
  type PeakName,
  type StallName,
} from './figures.ts';
import { type Overuse, OveruseWatch } from './overuse.ts';

/** A kernel that is looked at. */
export interface StatsTarget {
  readonly kernelId: KernelId;
  readonly sessionId: SessionId;
  readonly containerId: ContainerId;
  readonly scratchLimitBytes: number | null;
  /** What had gone through its network before its container; absent = nothing. */
  readonly networkBefore?: { readonly receivedBytes: number; readonly sentBytes: number };
}

/** How much is used of devices; a capacity of null is not known. */
export interface DeviceFigure extends MeasuredAmount {
  /** `cuda_mem`. */
  readonly measure: string;
  /** `bytes`, `percent`, … */
  readonly unit: string;
}

/**
 * Figures of one kernel. Counters are since its creation, over all its containers; rates are over the last round or two,
 * and null before there are two samples; null = not known, or missing.
 */
export type KernelFigures = Readonly<Record<NumberName, number | null>> &
  Readonly<Record<StallName, Stall | null>> & {
    readonly id: KernelId;
    readonly sessionId: SessionId;
    /** Milliseconds since the epoch. */
    readonly at: number;
    /** Of its devices, at the last round. */
    readonly devices: readonly DeviceFigure[];
    readonly overuse: readonly Overuse[];
    readonly missing: readonly MissingMetric[];
  };

/** When a sample was taken, and what else was known then. */
export interface SampleContext {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What the scratch folder took at the last complete walk; null = not known. */
  readonly scratchBytes: number | null;
}

/** What a kernel used at one moment: the counters of all its containers, the rest of this one. */
export interface KernelReading {
  readonly kernelId: KernelId;
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly counters: ContainerCounters;
  readonly sample: ContainerSample;
}

interface Point {
  readonly at: number;
  readonly counters: ContainerCounters;
}

interface State {
  readonly target: StatsTarget;
  account: Account | undefined;
  sample: ContainerSample;
  context: SampleContext;
  /** The container's counters at the last round, for over-use. */
  seen: { readonly containerId: string; readonly counters: ContainerCounters };
  /** The totals at the last round and the one before, for rates. */
  points: readonly [Point | null, Point | null];
  readonly watch: OveruseWatch;
}

/** Rates over less than this jump about. */
const minRateMs = 900;
const rows = figuresShown('now');

/** The kernels of a node. */
export class KernelStatisticsStore {
  readonly #states = new Map<string, State>();
  readonly #inherited: Map<string, Account>;

  /** `inherited`: the accounts of an earlier process. */
  constructor(inherited: readonly Account[]) {
    this.#inherited = new Map(inherited.map((account) => [account.kernelId, account]));
  }

  /** Every account, those of an earlier process included whose kernels have not been seen yet. */
  *accounts(): Generator<Account> {
    for (const { account, watch } of this.#states.values()) if (account) yield { ...account, overuse: watch.kept() };
    yield* this.#inherited.values();
  }

  /** Adds a sample that somebody asked for, between two rounds. */
  add(target: StatsTarget, sample: ContainerSample, context: SampleContext): void {
    this.#add(this.#stateOf(target), sample, context);
  }

  /** Whether the sample counts kills for want of memory that were not looked at yet. */
  countsKills({ kernelId, containerId }: StatsTarget, sample: ContainerSample): boolean {
    const seen = this.#states.get(kernelId)?.seen ?? seenBy(this.#inherited.get(kernelId));
    const before = seen?.containerId === containerId ? (seen.counters.outOfMemoryKills ?? 0) : 0;
    return (sample.outOfMemoryKills ?? 0) > before;
  }

  /** Adds the sample of a round; returns the over-use that is to be published. */
  addRound(
    target: StatsTarget,
    sample: ContainerSample,
    context: SampleContext & {
      readonly minScratchBytes: number | null;
      readonly isDiskFull: boolean;
      readonly killed: readonly string[];
    },
  ): readonly Overuse[] {
    const { containerId, scratchLimitBytes } = target;
    const { minScratchBytes: scratchBytes, isDiskFull, killed, now, at } = context;
    const state = this.#stateOf(target);
    const account = this.#add(state, sample, context);
    const before = state.seen.containerId === containerId ? state.seen.counters : emptyCounters;
    const begun = state.watch.check({ sample, before, scratchBytes, scratchLimitBytes, isDiskFull, killed, now });
    state.seen = { containerId, counters: account.last };
    state.points = [{ at, counters: totals(account) }, state.points[0]];
    return begun;
  }

  /** The figures of a kernel at its last sample; null when there are none. */
  figures(kernelId: string, devices: readonly DeviceFigure[]): KernelFigures | null {
    const state = this.#states.get(kernelId);
    if (!state?.account) return null;
    const { target, account, sample, context, watch } = state;
    const counters = totals(account);
    const base = state.points.find((point) => point !== null && context.at - point.at >= minRateMs) ?? null;
    const figures = rows.map((row): readonly [string, number | Stall | null] => {
      switch (row.type) {
        case 'counter':
          return [row.name, inUnit(counters[row.from], row.per)];
        case 'rate':
          return [row.name, rateOf(base, { at: context.at, counters }, row)];
        case 'peak':
          return [row.name, account[row.name as PeakName]];
        default:
          return [row.name, sample[row.name as LevelName | StallName]];
      }
    });
    return {
      id: target.kernelId,
      sessionId: target.sessionId,
      at: context.now,
      ...(Object.fromEntries(figures) as Record<NumberName, number | null> & Record<StallName, Stall | null>),
      devices,
      overuse: watch.seen(),
      missing: sample.missing,
    };
  }

  /** The last sample of a kernel; null when there is none. */
  reading(kernelId: KernelId): KernelReading | null {
    const { account, sample, context } = this.#states.get(kernelId) ?? {};
    return account && sample && context ? { kernelId, at: context.at, counters: totals(account), sample } : null;
  }

  /** What a kernel has used; null when it was never seen. */
  usage(kernelId: string): KernelUsage | null {
    const state = this.#states.get(kernelId);
    const account = state?.account ?? this.#inherited.get(kernelId);
    return account ? usageOf(account, state?.watch.seen() ?? new OveruseWatch(account.overuse).seen()) : null;
  }

  /** Forgets a kernel, with its account. */
  forget(kernelId: string): void {
    this.#states.delete(kernelId);
    this.#inherited.delete(kernelId);
  }

  /** The kernels that were sampled by this process. */
  ids(): Iterable<string> {
    return this.#states.keys();
  }

  /** The kernels of an earlier process that are not among these. */
  abandoned(isLive: (kernelId: string) => boolean): readonly string[] {
    return [...this.#inherited.keys()].filter((kernelId) => !isLive(kernelId));
  }

  #add(state: State, read: ContainerSample, context: SampleContext): Account {
    const sample = ownSample(state.target, read, context.scratchBytes);
    const account = addSample(state.account, state.target, sample, context.now);
    state.account = account;
    state.sample = sample;
    state.context = context;
    return account;
  }

  #stateOf(target: StatsTarget): State {
    const { kernelId } = target;
    const found = this.#states.get(kernelId);
    if (found) {
      if (found.target.containerId === target.containerId) return found;
      // A new container of the same kernel: what was seen of the kernel stays.
      const moved: State = { ...found, target };
      this.#states.set(kernelId, moved);
      return moved;
    }
    const inherited = this.#inherited.get(kernelId);
    this.#inherited.delete(kernelId);
    const state: State = {
      target,
      account: inherited,
      sample: emptySample,
      context: { at: 0, now: 0, scratchBytes: null },
      seen: seenBy(inherited) ?? { containerId: '', counters: emptyCounters },
      points: [null, null],
      watch: new OveruseWatch(inherited?.overuse),
    };
    this.#states.set(kernelId, state);
    return state;
  }
}

/** With the scratch folder, and without what earlier kernels did with a prewarmed network. */
function ownSample(
  { networkBefore }: StatsTarget,
  sample: ContainerSample,
  scratchBytes: number | null,
): ContainerSample {
  if (!networkBefore) return scratchBytes === sample.scratchBytes ? sample : { ...sample, scratchBytes };
  const since = (now: number | null, before: number): number | null =>
    now === null ? null : Math.max(0, now - before);
  return {
    ...sample,
    scratchBytes,
    receivedBytes: since(sample.receivedBytes, networkBefore.receivedBytes),
    sentBytes: since(sample.sentBytes, networkBefore.sentBytes),
  };
}

const seenBy = (account: Account | undefined): State['seen'] | null =>
  account ? { containerId: account.containerId, counters: account.last } : null;

/** By how much a counter grew in a second since a point; null when that can't be known. */
function rateOf(
  base: Point | null,
  { at, counters }: Point,
  { from, per = 1, digits }: { readonly from: CounterField; readonly per?: number; readonly digits: number },
): number | null {
  const [before, now] = [base?.counters[from] ?? null, counters[from]];
  if (base === null || before === null || now === null) return null;
  const scale = 10 ** digits;
  return Math.max(0, Math.round(((now - before) / (at - base.at)) * (1000 / per) * scale) / scale);
}
