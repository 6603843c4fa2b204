/** Samples kernels: all of them in rounds and when somebody asks, and one right before it is killed. */
import type { Clock } from '../lib/clock.ts';
import { Histogram } from '../lib/histogram.ts';
import { YieldBudget } from '../lib/yield-budget.ts';
import type { ContainerSample, MissingMetric } from './container-sample.ts';
import type { ContainerSource } from './container-source.ts';
import type { KernelStatisticsStore, SampleContext, StatsTarget } from './kernel-statistics-store.ts';
import type { OomLog } from './oom-log.ts';
import type { Overuse } from './overuse.ts';
import type { ScratchSizes } from './scratch-sizes.ts';

/** What samples are made with, and where they go. */
export interface KernelSamplingParts {
  readonly source: ContainerSource;
  readonly kernels: KernelStatisticsStore;
  readonly scratch: Pick<ScratchSizes, 'bytesOf' | 'minBytesOf' | 'isFull'>;
  readonly killLog: Pick<OomLog, 'take'>;
  /** Whether a kernel has not ended. */
  readonly isLive: (kernelId: string) => boolean;
  /** Called when over-use begins, and for each kill and refusal. */
  readonly onOveruse: (target: StatsTarget, overuse: Overuse) => void;
  readonly clock: Clock;
}

const openingAtOnce = 8;
const sampleBounds = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1] as const;

/** Reads containers and adds what it reads to the kernels' statistics. */
export class KernelSampling {
  /** Seconds that reading one container took in a round. */
  readonly sampleSeconds = new Histogram(sampleBounds);
  /** How often figures could not be read in rounds, by their source. */
  readonly missingCounts = new Map<string, number>();
  readonly #parts: KernelSamplingParts;

  constructor(parts: KernelSamplingParts) {
    this.#parts = parts;
  }

  /** Reads kernels between two rounds, and returns those that were there. Rejects with the signal's reason alone. */
  async now(targets: readonly StatsTarget[], signal: AbortSignal): Promise<readonly StatsTarget[]> {
    const { source, kernels, isLive, clock } = this.#parts;
    await this.#openAll(targets, signal);
    const budget = new YieldBudget({ clock });
    const read: StatsTarget[] = [];
    for (const target of targets) {
      await budget.yieldIfSpent(signal);
      const sample = await source.read(target.containerId, signal);
      if (sample === null || !isLive(target.kernelId)) continue;
      kernels.add(target, sample, this.#contextOf(target));
      read.push(target);
    }
    return read;
  }

  /** Reads one kernel at once; false when that would need somebody else, or its container has vanished. */
  once(target: StatsTarget, signal: AbortSignal): boolean {
    const sample = this.#parts.source.read(target.containerId, signal);
    // Nobody waits for what would come of it.
    if (sample instanceof Promise) sample.catch(() => {});
    if (sample === null || sample instanceof Promise) return false;
    this.#parts.kernels.add(target, sample, this.#contextOf(target));
    return true;
  }

  /** Reads kernels for a round, whose over-use is told. `busyMs` is the time that it took without the pauses. */
  async round(targets: readonly StatsTarget[], signal: AbortSignal): Promise<{ readonly busyMs: number }> {
    const { source, isLive, clock } = this.#parts;
    await this.#openAll(targets, signal);
    let busyMs = 0;
    const budget = new YieldBudget({ clock });
    for (const target of targets) {
      await budget.yieldIfSpent(signal);
      const before = clock.monotonic();
      const sample = await source.read(target.containerId, signal);
      const readMs = clock.monotonic() - before;
      this.sampleSeconds.observe(readMs / 1000);
      if (sample !== null && isLive(target.kernelId)) {
        this.countMissing(sample.missing);
        await this.#addRound(target, sample, signal);
      }
      busyMs += clock.monotonic() - before;
    }
    return { busyMs };
  }

  /** Reads one kernel between two rounds, whose over-use is told. Rejects with the signal's reason alone. */
  async look(target: StatsTarget, signal: AbortSignal): Promise<void> {
    const { source, isLive } = this.#parts;
    await source.open(target.containerId, signal);
    const sample = await source.read(target.containerId, signal);
    if (sample !== null && isLive(target.kernelId)) await this.#addRound(target, sample, signal);
  }

  /** Counts figures that could not be read. */
  countMissing(missing: readonly MissingMetric[]): void {
    for (const { source } of missing) this.missingCounts.set(source, (this.missingCounts.get(source) ?? 0) + 1);
  }

  async #addRound(target: StatsTarget, sample: ContainerSample, signal: AbortSignal): Promise<void> {
    const { kernels, killLog, scratch, onOveruse } = this.#parts;
    const killed = kernels.countsKills(target, sample) ? await killLog.take(target.containerId, signal) : [];
    const minScratchBytes = scratch.minBytesOf(target.kernelId);
    const isDiskFull = scratch.isFull(target.kernelId);
    const context = { ...this.#contextOf(target), minScratchBytes, isDiskFull, killed };
    for (const overuse of kernels.addRound(target, sample, context)) onOveruse(target, overuse);
  }

  #contextOf({ kernelId }: StatsTarget): SampleContext {
    const { clock, scratch } = this.#parts;
    return { at: clock.monotonic(), now: clock.now(), scratchBytes: scratch.bytesOf(kernelId) };
  }

  async #openAll(targets: readonly StatsTarget[], signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#parts;
    const budget = new YieldBudget({ clock });
    const waiting = targets.values();
    const open = async (): Promise<void> => {
      for (const { containerId } of waiting) {
        await budget.yieldIfSpent(signal);
        await source.open(containerId, signal);
      }
    };
    await Promise.all(Array.from({ length: openingAtOnce }, open));
  }
}
