/**
 * The statistics of this node: rounds that read every container, the node, and, for a sink, processes; accounts that
 * outlive the process; the background walk of scratch folders.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { sleep } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { Histogram } from '../lib/histogram.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { runPeriodically } from '../lib/retry.ts';
import { YieldBudget } from '../lib/yield-budget.ts';
import type { KernelUsage } from './account.ts';
import { AccountFile } from './account-file.ts';
import type { ContainerSample } from './container-sample.ts';
import type { ContainerSource } from './container-source.ts';
import type { DeviceFigures, DeviceMeasures } from './device-figures.ts';
import { type FinalRecord, FinalRecords } from './final-records.ts';
import { type KernelFigures, KernelStatisticsStore, type StatsTarget } from './kernel-statistics-store.ts';
import type { KillLog } from './kill-log.ts';
import type { WrittenMetrics } from './metric-store.ts';
import type { NodeFigures } from './node-figures.ts';
import type { Overuse } from './overuse.ts';
import { pauseAfter } from './pause.ts';
import type { ProcessFigures } from './process-figures.ts';
import { ScratchSizes } from './scratch-sizes.ts';
import type { CollectedMetrics, StatisticsSink } from './statistics-sink.ts';

/** What it works with. */
export interface StatisticsParts {
  /** Where its files are; made when it is missing. */
  readonly folder: string;
  /** The kernels with a container, now. */
  readonly targets: () => readonly StatsTarget[];
  /** Whether a kernel has not ended, with a container or without. */
  readonly isLive: (kernelId: string) => boolean;
  /** Where a kernel's scratch folder is. */
  readonly scratchFolder: (kernelId: KernelId) => string;
  readonly source: ContainerSource;
  readonly node: NodeFigures;
  /** Those of devices, whose collectors are among the node's; null where nobody measures any. */
  readonly devices: Pick<DeviceFigures, 'kernels' | 'processes'> | null;
  readonly processes: ProcessFigures;
  readonly killLog: KillLog;
  readonly sink: StatisticsSink | null;
  /** Told of over-use. */
  readonly onOveruse: (target: StatsTarget, overuse: Overuse) => void;
  readonly periodMs: number;
  /** Whether the period grows with what a round costs. */
  readonly adaptive: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const noDevices: DeviceMeasures = { fresh: [], keys: new Set() };
const openingAtOnce = 8;
const sinkDeadlineMs = 4_000;
const scratchPauseMs = 1_000;
const sampleBounds = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1] as const;
const roundBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5] as const;

/** The statistics. Disposing them ends the rounds and writes the accounts. */
export class Statistics implements AsyncDisposable {
  /** Seconds that reading one container took, and a whole round. */
  readonly sampleSeconds = new Histogram(sampleBounds);
  readonly roundSeconds = new Histogram(roundBounds);
  /** Containers and figures that could not be read, by source. */
  readonly missingMetricCounts = new Map<string, number>();
  readonly #parts: StatisticsParts;
  readonly #book: KernelStatisticsStore;
  readonly #accounts: AccountFile;
  readonly #finals: FinalRecords;
  readonly #scratch: ScratchSizes;
  readonly #end = new AbortController();
  readonly #jobs: Promise<void>[] = [];

  private constructor(
    parts: StatisticsParts,
    book: KernelStatisticsStore,
    accounts: AccountFile,
    finals: FinalRecords,
  ) {
    this.#parts = parts;
    this.#book = book;
    this.#accounts = accounts;
    this.#finals = finals;
    const { scratchFolder: folderOf, clock, log } = parts;
    this.#scratch = new ScratchSizes({ folderOf, clock, log });
  }

  /** Opens the files of an earlier process. */
  static async open(parts: StatisticsParts): Promise<Statistics> {
    const { folder, clock, log } = parts;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const accounts = new AccountFile(join(folder, 'accounts.json'), clock, log);
    const finals = new FinalRecords(join(folder, 'ended.jsonl'), log);
    return new Statistics(parts, new KernelStatisticsStore(await accounts.load()), accounts, finals);
  }

  /** Begins the rounds, the first at once. Call it when the kernels of an earlier process have been taken over. */
  start(): void {
    const { clock, log } = this.#parts;
    const { signal } = this.#end;
    this.#jobs.push(this.#closeAbandoned(), this.#rounds());
    const sizes = {
      name: 'scratch sizes',
      pauseMs: scratchPauseMs,
      round: async () => {
        const kernelIds = this.#parts.targets().map(({ kernelId }) => kernelId);
        this.#scratch.round(kernelIds, signal);
      },
    };
    this.#jobs.push(runPeriodically(sizes, clock, log, signal));
  }

  /** Makes ready to read a kernel's container, in the background, so that its end can be seen without asking anybody. */
  follow({ containerId }: Pick<StatsTarget, 'containerId'>): void {
    this.#parts.source.open(containerId, this.#end.signal).catch(() => {});
  }

  /** Reads all kernels now; those that vanish meanwhile are left out. Rejects with the signal's reason alone. */
  async now(signal: AbortSignal): Promise<readonly KernelFigures[]> {
    const { source, clock, isLive } = this.#parts;
    const targets = this.#parts.targets();
    await this.#openAll(targets, signal);
    const budget = new YieldBudget({ clock });
    const figures: KernelFigures[] = [];
    for (const target of targets) {
      await budget.yieldIfSpent(signal);
      const sample = await source.read(target.containerId, signal);
      if (sample === null || !isLive(target.kernelId)) continue;
      this.#book.enter(target, sample, this.#taken(target));
      const read = this.#book.figures(target.kernelId);
      if (read) figures.push(read);
    }
    return figures;
  }

  /** The figures of a kernel at the last reading; null when there are none. */
  latest(kernelId: string): KernelFigures | null {
    return this.#book.figures(kernelId);
  }

  /** What a kernel that has not ended has used; null when it was never seen. */
  usage(kernelId: string): KernelUsage | null {
    return this.#book.usage(kernelId);
  }

  /** The written metrics of a kernel; null when no round has seen it. */
  metricsOf(kernelId: string): WrittenMetrics | null {
    return this.#book.metrics(kernelId);
  }

  /** The written metrics of a container's processes, by pid. Rejects with the signal's reason alone. */
  async processesOf(containerId: string, signal: AbortSignal): Promise<ReadonlyMap<number, WrittenMetrics>> {
    const { source, processes } = this.#parts;
    await source.open(containerId, signal);
    return await processes.collect(containerId, source.pids(containerId), signal);
  }

  /** How many final records wait to be written. */
  get waitingRecords(): number {
    return this.#finals.waiting;
  }

  /** The node's measures, of the last round. */
  get node(): NodeFigures {
    return this.#parts.node;
  }

  /** Reads a kernel for the last time, if that needs nobody, and gives that on: its container is about to be killed. */
  takeFinalSample(target: StatsTarget): void {
    const { source, sink, log } = this.#parts;
    const sample = source.read(target.containerId, this.#end.signal);
    if (sample === null || sample instanceof Promise) return;
    this.#book.enterLast(target, sample, this.#taken(target));
    const metrics = this.#book.metrics(target.kernelId);
    if (metrics === null) return;
    sink?.putLast(target.kernelId, metrics).catch((error: unknown) => {
      log.debug('the last statistics of a kernel could not be written', { kernel: target.kernelId, error });
    });
  }

  /** Closes a kernel's account and leaves its final record; returns what it has used, null when it was never seen. */
  ended(kernelId: string, sessionId: string | null, reason: string | null): KernelUsage | null {
    const usage = this.#book.usage(kernelId);
    this.#book.forget(kernelId);
    if (usage) this.#finals.add({ kernelId, sessionId, reason, endedAt: this.#parts.clock.now(), ...usage });
    return usage;
  }

  /** The final records that are kept, oldest first. */
  finalRecords(): Promise<readonly FinalRecord[]> {
    return this.#finals.all();
  }

  /** One round. It never rejects but when it is to end. */
  async round(signal: AbortSignal): Promise<{ readonly busyMs: number }> {
    const { clock, source, processes, sink, log, isLive } = this.#parts;
    const begun = clock.monotonic();
    this.#book.keep(isLive);
    const targets = this.#parts.targets();
    const wanted = new Set<string>(targets.map(({ containerId }) => containerId));
    source.keep((containerId) => wanted.has(containerId));
    processes.keep((containerId) => wanted.has(containerId));
    await this.#openAll(targets, signal);
    let busyMs = 0;
    const budget = new YieldBudget({ clock });
    for (const target of targets) {
      await budget.yieldIfSpent(signal);
      const before = clock.monotonic();
      const sample = await source.read(target.containerId, signal);
      const readMs = clock.monotonic() - before;
      this.sampleSeconds.observe(readMs / 1000);
      if (sample !== null && isLive(target.kernelId)) await this.#enter(target, sample, signal);
      busyMs += clock.monotonic() - before;
    }
    const at = clock.monotonic() / 1000;
    await this.#parts.node.round(at, signal);
    await this.#enterDevices(targets, at, signal);
    for (const { source: name } of this.#parts.node.gaps) this.#countGap(name);
    if (sink) {
      const options = { what: 'writing statistics', timeoutMs: sinkDeadlineMs, signal };
      const put = (signal: AbortSignal) => sink.put(this.#collected(targets, signal), signal);
      await withDeadline(options, (deadline) => put(deadline.signal)).catch((error: unknown) => {
        signal.throwIfAborted();
        log.warn('the statistics of a round could not be written', { error });
      });
    }
    await this.#accounts.maybeWrite(this.#book.accounts());
    this.roundSeconds.observe((clock.monotonic() - begun) / 1000);
    return { busyMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await Promise.all([...this.#jobs, this.#scratch.settled()]);
    this.#parts.source[Symbol.dispose]();
    this.#parts.killLog[Symbol.dispose]();
    await this.#accounts.write(this.#book.accounts());
    await this.#finals.flushed();
  }

  /** Closes what an earlier process has left open, but for what it closed right before it was killed. */
  async #closeAbandoned(): Promise<void> {
    const abandoned = this.#book.abandoned(this.#parts.isLive);
    if (abandoned.length === 0) return;
    const records = await this.#finals.all().catch((error: unknown) => {
      this.#parts.log.warn('the final records of kernels cannot be read', { error });
      return [];
    });
    const closed = new Set(records.map(({ kernelId, since }) => `${kernelId} ${since}`));
    for (const kernelId of abandoned) {
      if (closed.has(`${kernelId} ${this.#book.usage(kernelId)?.since}`)) this.#book.forget(kernelId);
      else this.ended(kernelId, null, null);
    }
  }

  async #rounds(): Promise<void> {
    const { clock, log, periodMs, adaptive } = this.#parts;
    const { signal } = this.#end;
    while (!signal.aborted) {
      const begun = clock.monotonic();
      let busyMs = 0;
      try {
        ({ busyMs } = await this.round(signal));
      } catch (error) {
        if (signal.aborted) return;
        log.warn('a round of statistics failed', { error });
      }
      const tookMs = clock.monotonic() - begun;
      await sleep(clock, pauseAfter({ periodMs, adaptive, busyMs, tookMs }), signal).catch(() => {});
    }
  }

  async #enter(target: StatsTarget, sample: ContainerSample, signal: AbortSignal): Promise<void> {
    for (const { source } of sample.gaps) this.#countGap(source);
    const killed = this.#book.countsKills(target, sample)
      ? await this.#parts.killLog.take(target.containerId, signal)
      : [];
    const scratchAtLeast = this.#scratch.atLeast(target.kernelId);
    const told = this.#book.enterRound(target, sample, { ...this.#taken(target), scratchAtLeast, killed });
    for (const overuse of told) this.#parts.onOveruse(target, overuse);
  }

  async #enterDevices(targets: readonly StatsTarget[], at: number, signal: AbortSignal): Promise<void> {
    const { devices, processes } = this.#parts;
    if (!devices) return;
    processes.enterDevices(devices.processes(at), at);
    const measures = devices.kernels(at);
    const budget = new YieldBudget({ clock: this.#parts.clock });
    for (const { kernelId } of targets) {
      await budget.yieldIfSpent(signal);
      this.#book.enterDevices(kernelId, measures.get(kernelId) ?? noDevices, at);
    }
  }

  #taken({ kernelId }: StatsTarget): { at: number; now: number; scratchBytes: number | null } {
    const { clock } = this.#parts;
    return { at: clock.monotonic(), now: clock.now(), scratchBytes: this.#scratch.bytesOf(kernelId) };
  }

  #countGap(source: string): void {
    this.missingMetricCounts.set(source, (this.missingMetricCounts.get(source) ?? 0) + 1);
  }

  async #openAll(targets: readonly StatsTarget[], signal: AbortSignal): Promise<void> {
    const budget = new YieldBudget({ clock: this.#parts.clock });
    const waiting = targets.values();
    const open = async (): Promise<void> => {
      for (const { containerId } of waiting) {
        await budget.yieldIfSpent(signal);
        await this.#parts.source.open(containerId, signal);
      }
    };
    await Promise.all(Array.from({ length: openingAtOnce }, open));
  }

  #collected(targets: readonly StatsTarget[], signal: AbortSignal): CollectedMetrics {
    return {
      node: this.#parts.node.metrics(),
      kernels: this.#kernelMetrics(targets),
      processes: this.#processMetrics(targets, signal),
    };
  }

  *#kernelMetrics(targets: readonly StatsTarget[]): Generator<readonly [string, WrittenMetrics]> {
    for (const { kernelId } of targets) {
      const written = this.#book.metrics(kernelId);
      if (written) yield [kernelId, written];
    }
  }

  async *#processMetrics(
    targets: readonly StatsTarget[],
    signal: AbortSignal,
  ): AsyncGenerator<readonly [string, ReadonlyMap<number, WrittenMetrics>]> {
    const { source, processes } = this.#parts;
    for (const { containerId } of targets) {
      yield [containerId, await processes.collect(containerId, source.pids(containerId), signal)];
    }
  }
}
