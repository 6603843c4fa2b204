/**
 * The statistics of this node: rounds that read every container, the node, and, for a sink, processes; accounts that
 * outlive the process; the background walk of scratch folders.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { Histogram } from '../lib/histogram.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { runPeriodically } from '../lib/retry.ts';
import { AccountFile, type KernelUsage } from './account.ts';
import type { MissingMetric } from './container-sample.ts';
import type { ContainerSource } from './container-source.ts';
import type { DeviceFigures } from './device-figures.ts';
import { type FinalRecord, FinalRecords } from './final-records.ts';
import { KernelSampling } from './kernel-sampling.ts';
import {
  type DeviceFigure,
  type KernelFigures,
  KernelStatisticsStore,
  type StatsTarget,
} from './kernel-statistics-store.ts';
import type { NodeFigure, NodeFigureName, NodeFigures } from './node-figures.ts';
import type { OomLog } from './oom-log.ts';
import type { Overuse } from './overuse.ts';
import type { ProcessReader } from './process-reader.ts';
import { pauseAfter } from './round-pause.ts';
import { ScratchSizes } from './scratch-sizes.ts';
import { collectedRound, type StatisticsSink } from './statistics-round.ts';

/** What statistics read, where they keep it, and whom they call. */
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
  readonly devices: Omit<DeviceFigures, 'collectors'> | null;
  readonly processes: ProcessReader;
  /** Gives back what a container has in memory, and answers how much; null: it cannot be. Absent: nobody does. */
  readonly reclaim?: (containerId: string, isPaused: () => boolean, signal: AbortSignal) => Promise<number | null>;
  readonly killLog: OomLog;
  readonly sink: StatisticsSink | null;
  /** Called when over-use begins, and for each kill and refusal. */
  readonly onOveruse: (target: StatsTarget, overuse: Overuse) => void;
  readonly periodMs: number;
  /** Whether the period grows with what a round costs. */
  readonly adaptive: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const sinkDeadlineMs = 4_000;
const scratchPauseMs = 1_000;
/** How long the end waits for memory that is being given back. */
const reclaimedMs = 2_000;
const roundBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5] as const;

/** A kernel that has ended; its container is null when it had none, or is not known. */
interface EndedKernel {
  readonly kernelId: string;
  readonly sessionId: string | null;
  readonly containerId: string | null;
}

/** What a process uses; null = may not be read. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  /** Of devices, at the last round. */
  readonly devices: readonly DeviceFigure[];
}

/** What the node uses, at the last round; null = not measured. */
export type NodeStatistics = Readonly<Record<NodeFigureName, NodeFigure | null>> & {
  readonly devices: readonly (DeviceFigure & { readonly device: string })[];
  readonly missing: readonly MissingMetric[];
};

/** The statistics. Disposing them ends the rounds and writes the accounts. */
export class Statistics implements AsyncDisposable {
  /** Seconds that a whole round took. */
  readonly roundSeconds = new Histogram(roundBounds);
  readonly #parts: StatisticsParts;
  readonly #kernels: KernelStatisticsStore;
  readonly #accounts: AccountFile;
  readonly #finals: FinalRecords;
  readonly #scratch: ScratchSizes;
  readonly #sampling: KernelSampling;
  readonly #end = new AbortController();
  readonly #jobs: Promise<void>[] = [];
  #reclaiming: Promise<void> = Promise.resolve();
  /** Containers whose turn has not come yet. */
  readonly #toReclaim = new Set<string>();

  private constructor(
    parts: StatisticsParts,
    kernels: KernelStatisticsStore,
    accounts: AccountFile,
    finals: FinalRecords,
  ) {
    this.#parts = parts;
    this.#kernels = kernels;
    this.#accounts = accounts;
    this.#finals = finals;
    const { scratchFolder: folderOf, periodMs: countedMs, clock, log } = parts;
    this.#scratch = new ScratchSizes({ folderOf, countedMs, clock, log });
    this.#sampling = new KernelSampling({ ...parts, kernels, scratch: this.#scratch });
  }

  /** Opens the files of an earlier process. */
  static async open(parts: StatisticsParts): Promise<Statistics> {
    const { folder, clock, log } = parts;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const accounts = new AccountFile(join(folder, 'accounts.json'), clock, log);
    const finals = new FinalRecords(join(folder, 'ended.jsonl'), log);
    return new Statistics(parts, new KernelStatisticsStore(await accounts.load()), accounts, finals);
  }

  /** Seconds that reading one container took. */
  get sampleSeconds(): Histogram {
    return this.#sampling.sampleSeconds;
  }

  /** How often figures could not be read, by their source. */
  get missingMetricCounts(): ReadonlyMap<string, number> {
    return this.#sampling.missingCounts;
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
    const read = await this.#sampling.now(this.#parts.targets(), signal);
    return read.flatMap(({ kernelId }) => this.latest(kernelId) ?? []);
  }

  /**
   * Looks at a kernel whose home is limited between two rounds, so that its over-use is as of now. A disk that hangs holds it up
   * whatever the signal says.
   */
  async lookAtHome(target: StatsTarget, signal: AbortSignal): Promise<void> {
    await this.#scratch.refresh(target.kernelId);
    await this.#sampling.look(target, signal);
  }

  /** The figures of a kernel at the last reading; null when there are none. */
  latest(kernelId: KernelId): KernelFigures | null {
    return this.#kernels.figures(kernelId, this.#parts.devices?.ofKernel(kernelId, this.#seconds()) ?? []);
  }

  /** What a kernel that has not ended has used; null when it was never seen. */
  usage(kernelId: string): KernelUsage | null {
    return this.#kernels.usage(kernelId);
  }

  /** The figures of a container's processes now, by pid. Rejects with the signal's reason alone. */
  async processesOf(containerId: string, signal: AbortSignal): Promise<ReadonlyMap<number, ProcessFigures>> {
    const { source, processes, devices } = this.#parts;
    await source.open(containerId, signal);
    const samples = await processes.read(source.pids(containerId), signal);
    const at = this.#seconds();
    return new Map(
      [...samples].map(([pid, { cpuMicroseconds, memoryBytes, readBytes, writtenBytes }]) => [
        pid,
        {
          cpuSeconds: cpuMicroseconds / 1e6,
          memoryBytes,
          readBytes,
          writtenBytes,
          devices: devices?.ofProcess(pid, at) ?? [],
        },
      ]),
    );
  }

  /** Gives back, in the background and one container after the other, what can be of the memory of one that stands still. */
  giveBackMemory(containerId: string, isPaused: () => boolean): void {
    const { reclaim, log } = this.#parts;
    const { signal } = this.#end;
    if (!reclaim || this.#toReclaim.has(containerId)) return;
    this.#toReclaim.add(containerId);
    this.#reclaiming = this.#reclaiming.then(async () => {
      this.#toReclaim.delete(containerId);
      // It may go on before its turn comes.
      if (signal.aborted || !isPaused()) return;
      try {
        const bytes = await reclaim(containerId, isPaused, signal);
        log.debug('memory of a container was given back', { container: containerId, bytes });
      } catch (error) {
        if (!signal.aborted)
          log.debug('the memory of a container could not be given back', { container: containerId, error });
      }
    });
  }

  /** Resolves when none is given back any more. Linux may take long for a request that it has taken, which nothing cuts short. */
  async #reclaimed(): Promise<void> {
    const options = { what: 'giving memory back', timeoutMs: reclaimedMs, clock: this.#parts.clock };
    await withDeadline(options, () => this.#reclaiming).catch(() => {});
  }

  /** How many final records wait to be written. */
  get waitingRecords(): number {
    return this.#finals.waiting;
  }

  /** The figures of the node, at the last round. */
  node(): NodeStatistics {
    const { node, devices } = this.#parts;
    return { ...node.figures(), devices: devices?.ofNode() ?? [], missing: node.missing };
  }

  /** Reads a kernel once more, if that needs nobody else, and passes it on: its container is about to be killed, and is let go of. */
  takeFinalSample(target: StatsTarget): void {
    const { sink, log, source } = this.#parts;
    const isRead = this.#sampling.once(target, this.#end.signal);
    source.forget(target.containerId);
    if (!isRead) return;
    const reading = this.#kernels.reading(target.kernelId);
    if (!sink || reading === null) return;
    sink.putFinal(reading).catch((error: unknown) => {
      log.debug('cannot write the final sample of a kernel', { kernel: target.kernelId, error });
    });
  }

  /** Closes a kernel's account and its container's files, and leaves its final record; returns what it has used, null when it was never seen. */
  ended({ kernelId, sessionId, containerId }: EndedKernel, reason: string | null): KernelUsage | null {
    const usage = this.#kernels.usage(kernelId);
    this.#forget(kernelId);
    if (containerId !== null) this.#parts.source.forget(containerId);
    if (usage) this.#finals.add({ kernelId, sessionId, reason, endedAt: this.#parts.clock.now(), ...usage });
    return usage;
  }

  /** The final records that are kept, oldest first. */
  finalRecords(): Promise<readonly FinalRecord[]> {
    return this.#finals.all();
  }

  /** One round. It never rejects but when it is to end. */
  async round(signal: AbortSignal): Promise<{ readonly busyMs: number }> {
    const { clock, source, node, devices, processes, sink, log, isLive } = this.#parts;
    const begun = clock.monotonic();
    for (const kernelId of this.#kernels.ids()) if (!isLive(kernelId)) this.#forget(kernelId);
    const targets = this.#parts.targets();
    const wanted = new Set<string>(targets.map(({ containerId }) => containerId));
    source.keep((containerId) => wanted.has(containerId));
    const { busyMs } = await this.#sampling.round(targets, signal);
    const at = clock.monotonic() / 1000;
    await node.round(at, signal);
    this.#sampling.countMissing(node.missing);
    if (sink) {
      const options = { what: 'writing statistics', timeoutMs: sinkDeadlineMs, signal };
      const from = { node, devices, kernels: this.#kernels, source, processes };
      const put = (signal: AbortSignal) => sink.put(collectedRound(from, targets, at, signal), signal);
      await withDeadline(options, (deadline) => put(deadline.signal)).catch((error: unknown) => {
        signal.throwIfAborted();
        log.warn('cannot write the statistics of a round', { error });
      });
    }
    await this.#accounts.maybeWrite(this.#kernels.accounts());
    this.roundSeconds.observe((clock.monotonic() - begun) / 1000);
    return { busyMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await Promise.all([...this.#jobs, this.#scratch.settled(), this.#reclaimed()]);
    this.#parts.source[Symbol.dispose]();
    this.#parts.killLog[Symbol.dispose]();
    await this.#accounts.write(this.#kernels.accounts());
    await this.#finals.flushed();
  }

  /** Closes what an earlier process has left open, but for what it closed right before it was killed. */
  async #closeAbandoned(): Promise<void> {
    const abandoned = this.#kernels.abandoned(this.#parts.isLive);
    if (abandoned.length === 0) return;
    const records = await this.#finals.all().catch((error: unknown) => {
      this.#parts.log.warn('cannot read the final records of kernels', { error });
      return [];
    });
    const closed = new Set(records.map(({ kernelId, since }) => `${kernelId} ${since}`));
    for (const kernelId of abandoned) {
      if (closed.has(`${kernelId} ${this.#kernels.usage(kernelId)?.since}`)) this.#forget(kernelId);
      else this.ended({ kernelId, sessionId: null, containerId: null }, null);
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

  #forget(kernelId: string): void {
    this.#kernels.forget(kernelId);
    this.#parts.sink?.forget(kernelId);
  }

  /** Since some moment, and never set back. */
  #seconds(): number {
    return this.#parts.clock.monotonic() / 1000;
  }
}
