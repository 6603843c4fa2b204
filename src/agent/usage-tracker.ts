/** Follows what kernels use from their start to their end, and keeps it of those that ended. */

import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import { type KernelRecord, pauseOf } from '../kernel/record.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import type { KernelId } from '../lib/ids.ts';
import { KeyedMutex } from '../lib/semaphore.ts';
import type { KernelUsage } from '../stats/account.ts';
import type { StatsTarget } from '../stats/kernel-statistics-store.ts';
import type { Statistics } from '../stats/statistics.ts';
import type { KernelMetrics } from './agent.ts';

/** Usage is kept of so many ended kernels: of more than are kept to be inspected. */
const maxEnded = 1_000;
/** How long a look at a home is waited for. */
const lookMs = 1_000;

export interface UsageTrackerParts {
  readonly kernels: Pick<KernelRegistry, 'list' | 'register'>;
  readonly statistics: Statistics;
  readonly scratchLimitBytes: number | null;
}

/** Follows kernels by their hooks; disposing it ends that. */
export class UsageTracker implements Disposable {
  readonly #parts: UsageTrackerParts;
  readonly #ended = new Map<KernelId, KernelUsage>();
  /** One look at a home at a time: a disk that hangs holds one thread of this process for it, however many ask. */
  readonly #looks = new KeyedMutex<KernelId>();
  readonly #owned = new DisposableStack();

  constructor(parts: UsageTrackerParts) {
    this.#parts = parts;
    this.#owned.use(
      parts.kernels.register({
        runnerOpened: (record) => {
          this.#ended.delete(record.spec.id);
          const target = targetOf(record, parts);
          if (target) parts.statistics.follow(target);
        },
        paused: ({ spec, containerId }) => {
          const isPaused = (): boolean =>
            parts.kernels.list().some((now) => now.spec.id === spec.id && pauseOf(now) !== null);
          if (containerId !== null) parts.statistics.giveBackMemory(containerId, isPaused);
        },
        beforeStop: (record) => {
          // What it used since the last round would be lost.
          const target = targetOf(record, parts);
          if (target) parts.statistics.takeFinalSample(target);
        },
        ended: (record) => this.#close(record),
      }),
    );
  }

  /** What a kernel has used; null when it was never looked at. */
  usageOf(id: KernelId): KernelUsage | null {
    return this.#ended.get(id) ?? this.#parts.statistics.usage(id);
  }

  /** Has what a kernel with a limited home has used be as of now, unless that takes a second, or until the signal aborts. */
  async refresh(record: KernelRecord, signal: AbortSignal): Promise<void> {
    const target = record.spec.limits.homeBytes === null ? null : targetOf(record, this.#parts);
    if (!target) return;
    const either = AbortSignal.any([signal, AbortSignal.timeout(lookMs)]);
    const lookAtHome = (): Promise<void> => this.#parts.statistics.lookAtHome(target, either);
    const look = this.#looks.run(target.kernelId, lookAtHome, either);
    await raceWithSignal(look, either).catch(() => {});
  }

  /** The figures of a kernel and its processes. */
  async metricsOf(record: KernelRecord, signal: AbortSignal): Promise<KernelMetrics> {
    const { statistics } = this.#parts;
    const processes =
      record.containerId === null ? new Map() : await statistics.processesOf(record.containerId, signal);
    return {
      kernel: statistics.latest(record.spec.id),
      processes: Object.fromEntries(processes),
    };
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #close({ spec, containerId, termination }: KernelRecord): void {
    const kernel = { kernelId: spec.id, sessionId: spec.sessionId, containerId };
    const usage = this.#parts.statistics.ended(kernel, termination?.reason ?? null);
    if (!usage) return;
    this.#ended.set(spec.id, usage);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > maxEnded && oldest !== undefined) this.#ended.delete(oldest);
  }
}

/** The kernel as statistics look at it; null when it has no container. */
export function targetOf(
  { spec, containerId, phase, placement }: KernelRecord,
  { scratchLimitBytes }: Pick<UsageTrackerParts, 'scratchLimitBytes'>,
): StatsTarget | null {
  if (containerId === null || phase === 'terminated') return null;
  return {
    kernelId: spec.id,
    sessionId: spec.sessionId,
    containerId,
    scratchLimitBytes: spec.limits.homeBytes ?? scratchLimitBytes,
    ...(placement.prewarmedNetwork ? { networkBefore: placement.prewarmedNetwork } : {}),
  };
}
