/** What is known of each kernel: its account, its rates, its over-use, its metrics. No I/O; time is an argument. */
import type { ContainerId, KernelId, SessionId } from '../lib/ids.ts';
import { type Account, entered, type KernelUsage, seconds, totals, usageOf } from './account.ts';
import { type ContainerCounters, type ContainerSample, emptySample, type Stall } from './container-sample.ts';
import type { DeviceMeasures } from './device-figures.ts';
import { containerMeasures } from './measure.ts';
import { MetricStore, type WrittenMetrics } from './metric-store.ts';
import type { MissingMetric } from './missing-metric.ts';
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

/** How much is used of a kernel's devices. */
export interface DeviceFigure {
  /** `cuda_mem`. */
  readonly measure: string;
  /** `bytes`, `percent`, … */
  readonly unit: string;
  readonly value: number;
  /** What it is out of; null where that is not known. */
  readonly capacity: number | null;
}

/** Figures of one kernel. Counters are since its creation, over all its containers; null = not known, or a gap. */
export interface KernelFigures {
  /** The kernel's. */
  readonly id: KernelId;
  readonly sessionId: SessionId;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly cpuSeconds: number | null;
  /** Cores in use; this and every other rate is over the last round or two, and null before there are two samples. */
  readonly cpuCores: number | null;
  readonly throttledSeconds: number | null;
  readonly cpuPeriods: number | null;
  readonly throttledPeriods: number | null;
  readonly memoryBytes: number | null;
  readonly memoryPeakBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly outOfMemoryKills: number | null;
  readonly processes: number | null;
  readonly processesLimit: number | null;
  readonly processLimitHits: number | null;
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  readonly receivedBytes: number | null;
  readonly sentBytes: number | null;
  readonly readBytesPerSecond: number | null;
  readonly writtenBytesPerSecond: number | null;
  readonly receivedBytesPerSecond: number | null;
  readonly sentBytesPerSecond: number | null;
  /** On the disk, from a walk in the background; null until one has ended. */
  readonly scratchBytes: number | null;
  /** Microseconds of this container's life. */
  readonly cpuStall: Stall | null;
  readonly memoryStall: Stall | null;
  readonly ioStall: Stall | null;
  /** Of its devices, at the last round. */
  readonly devices: readonly DeviceFigure[];
  readonly overuse: readonly Overuse[];
  readonly gaps: readonly MissingMetric[];
}

/** When a sample was taken, and what else was known then. */
export interface SampleContext {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly scratchBytes: number | null;
}

interface Point {
  readonly at: number;
  readonly counters: ContainerCounters;
}

interface State {
  readonly target: StatsTarget;
  account: Account | undefined;
  sample: ContainerSample;
  taken: SampleContext;
  /** The container's counters at the last round, for over-use. */
  seen: { readonly containerId: string; readonly counters: ContainerCounters };
  /** The totals at the last round and the one before, for rates. */
  points: readonly [Point | null, Point | null];
  /** Keys of metrics of its devices. */
  deviceKeys: ReadonlySet<string>;
  readonly watch: OveruseWatch;
}

/** Rates over less than this jump about. */
const minRateMs = 900;

/** The book. */
export class KernelStatisticsStore {
  readonly #states = new Map<string, State>();
  readonly #inherited: Map<string, Account>;
  readonly #metrics = new MetricStore();

  /** `inherited`: the accounts of an earlier process. */
  constructor(inherited: readonly Account[]) {
    this.#inherited = new Map(inherited.map((account) => [account.kernelId, account]));
  }

  /** Every account, those of an earlier process included whose kernels have not been seen yet. */
  *accounts(): Generator<Account> {
    for (const { account, watch } of this.#states.values()) if (account) yield { ...account, overuse: watch.kept() };
    yield* this.#inherited.values();
  }

  /** Enters a sample that somebody asked for. */
  enter(target: StatsTarget, sample: ContainerSample, taken: SampleContext): void {
    this.#enter(this.#stateOf(target), ownSample(target, sample), taken);
  }

  /** Whether the sample counts kills for want of memory that were not looked at yet. */
  countsKills({ kernelId, containerId }: StatsTarget, sample: ContainerSample): boolean {
    const seen = this.#states.get(kernelId)?.seen ?? seenBy(this.#inherited.get(kernelId));
    const before = seen?.containerId === containerId ? (seen.counters.outOfMemoryKills ?? 0) : 0;
    return (sample.outOfMemoryKills ?? 0) > before;
  }

  /** Enters the sample of a round; returns the over-use that is to be told. */
  enterRound(
    target: StatsTarget,
    read: ContainerSample,
    taken: SampleContext & { readonly scratchAtLeast: number | null; readonly killed: readonly string[] },
  ): readonly Overuse[] {
    const { containerId, scratchLimitBytes } = target;
    const sample = ownSample(target, read);
    const state = this.#stateOf(target);
    const account = this.#enter(state, sample, taken);
    const before = state.seen.containerId === containerId ? state.seen.counters : emptySample;
    const { scratchAtLeast: scratchBytes, killed, now, at } = taken;
    const told = state.watch.look({ sample, before, scratchBytes, scratchLimitBytes, killed, now });
    state.seen = { containerId, counters: account.last };
    state.points = [{ at, counters: totals(account) }, state.points[0]];
    this.#measure(state, account);
    return told;
  }

  /** Enters the last sample of a container. Its metrics are those of the last round when that has just been. */
  enterLast(target: StatsTarget, read: ContainerSample, taken: SampleContext): void {
    const state = this.#stateOf(target);
    const account = this.#enter(state, ownSample(target, read), taken);
    const [round] = state.points;
    if (round === null || taken.at - round.at >= minRateMs) this.#measure(state, account);
  }

  /** Enters what was measured of a kernel's devices in a round; nothing when it is not known. */
  enterDevices(kernelId: string, { fresh, keys }: DeviceMeasures, at: number): void {
    const state = this.#states.get(kernelId);
    if (!state) return;
    for (const { key, definition, ...measured } of fresh) {
      this.#metrics.enter(kernelId, key, definition, measured, at);
    }
    const gone = new Set([...state.deviceKeys].filter((key) => !keys.has(key)));
    if (gone.size > 0) this.#metrics.keepOf(kernelId, (key) => !gone.has(key));
    state.deviceKeys = keys;
  }

  /** The figures of a kernel as last entered; null when there are none. */
  figures(kernelId: string): KernelFigures | null {
    const state = this.#states.get(kernelId);
    if (!state?.account) return null;
    const { target, account, sample, taken, watch } = state;
    const counters = totals(account);
    const base = state.points.find((point) => point !== null && taken.at - point.at >= minRateMs) ?? null;
    const rate = (name: keyof ContainerCounters): number | null => rateOf(base, counters[name], name, taken.at);
    const cpuRate = rate('cpuMicroseconds');
    return {
      id: target.kernelId,
      sessionId: target.sessionId,
      at: taken.now,
      cpuSeconds: seconds(counters.cpuMicroseconds),
      cpuCores: cpuRate === null ? null : Math.round(cpuRate / 1000) / 1000,
      throttledSeconds: seconds(counters.throttledMicroseconds),
      cpuPeriods: counters.cpuPeriods,
      throttledPeriods: counters.throttledPeriods,
      memoryBytes: sample.memoryBytes,
      memoryPeakBytes: account.memoryPeakBytes,
      memoryLimitBytes: sample.memoryLimitBytes,
      outOfMemoryKills: counters.outOfMemoryKills,
      processes: sample.processes,
      processesLimit: sample.processesLimit,
      processLimitHits: counters.processLimitHits,
      readBytes: counters.readBytes,
      writtenBytes: counters.writtenBytes,
      receivedBytes: counters.receivedBytes,
      sentBytes: counters.sentBytes,
      readBytesPerSecond: rate('readBytes'),
      writtenBytesPerSecond: rate('writtenBytes'),
      receivedBytesPerSecond: rate('receivedBytes'),
      sentBytesPerSecond: rate('sentBytes'),
      scratchBytes: taken.scratchBytes,
      cpuStall: sample.cpuStall,
      memoryStall: sample.memoryStall,
      ioStall: sample.ioStall,
      devices: this.#deviceFigures(state),
      overuse: watch.seen(),
      gaps: sample.gaps,
    };
  }

  /** The metrics of a kernel in the written form; null when no round has seen it. */
  metrics(kernelId: string): WrittenMetrics | null {
    return this.#metrics.written(kernelId);
  }

  /** What a kernel has used; null when it was never seen. */
  usage(kernelId: string): KernelUsage | null {
    const state = this.#states.get(kernelId);
    const account = state?.account ?? this.#inherited.get(kernelId);
    return account ? usageOf(account, state?.watch.seen() ?? new OveruseWatch(account.overuse).seen()) : null;
  }

  /** Forgets a kernel. */
  forget(kernelId: string): void {
    this.#states.delete(kernelId);
    this.#inherited.delete(kernelId);
    this.#metrics.forget(kernelId);
  }

  /** Forgets the kernels that are not wanted any more. */
  keep(isWanted: (kernelId: string) => boolean): void {
    for (const kernelId of this.#states.keys()) if (!isWanted(kernelId)) this.forget(kernelId);
  }

  /** The kernels of an earlier process that are not among these. */
  abandoned(isLive: (kernelId: string) => boolean): readonly string[] {
    return [...this.#inherited.keys()].filter((kernelId) => !isLive(kernelId));
  }

  #enter(state: State, sample: ContainerSample, taken: SampleContext): Account {
    const { kernelId, containerId } = state.target;
    const account = entered(state.account, { kernelId, containerId }, sample, taken.scratchBytes, taken.now);
    state.account = account;
    state.sample = sample;
    state.taken = taken;
    return account;
  }

  #measure({ target, sample, taken }: State, account: Account): void {
    for (const { key, definition, ...measured } of containerMeasures(totals(account), sample, taken.scratchBytes)) {
      this.#metrics.enter(target.kernelId, key, definition, measured, taken.at / 1000);
    }
  }

  #deviceFigures({ target, deviceKeys }: State): readonly DeviceFigure[] {
    if (deviceKeys.size === 0) return [];
    const metrics = this.#metrics.written(target.kernelId) ?? {};
    return [...deviceKeys].flatMap((measure) => {
      const metric = metrics[measure];
      if (!metric) return [];
      const { current, capacity, unit_hint: unit } = metric;
      return [
        { measure, unit: String(unit), value: Number(current), capacity: capacity === null ? null : Number(capacity) },
      ];
    });
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
      taken: { at: 0, now: 0, scratchBytes: null },
      seen: seenBy(inherited) ?? { containerId: '', counters: emptySample },
      points: [null, null],
      deviceKeys: new Set(),
      watch: new OveruseWatch(inherited?.overuse),
    };
    this.#states.set(kernelId, state);
    return state;
  }
}

/** The counters of a prewarmed network hold what earlier kernels did with it. */
function ownSample({ networkBefore }: StatsTarget, sample: ContainerSample): ContainerSample {
  if (!networkBefore) return sample;
  const since = (now: number | null, before: number): number | null =>
    now === null ? null : Math.max(0, now - before);
  return {
    ...sample,
    receivedBytes: since(sample.receivedBytes, networkBefore.receivedBytes),
    sentBytes: since(sample.sentBytes, networkBefore.sentBytes),
  };
}

const seenBy = (account: Account | undefined): State['seen'] | null =>
  account ? { containerId: account.containerId, counters: account.last } : null;

function rateOf(base: Point | null, now: number | null, name: keyof ContainerCounters, at: number): number | null {
  const before = base?.counters[name] ?? null;
  if (base === null || before === null || now === null) return null;
  return Math.max(0, Math.round(((now - before) / (at - base.at)) * 1000));
}
