/** Statistics of this agent's kernels: which ones are looked at, what stays of those that ended, what Prometheus gets. */

import type { NodeDevices } from '../devices/node-devices.ts';
import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import type { KernelPhase, KernelRecord } from '../kernel/record.ts';
import type { KernelId } from '../lib/ids.ts';
import type { OperationTimes } from '../lib/operation-times.ts';
import type { KernelUsage } from '../stats/account.ts';
import type { StatsTarget } from '../stats/kernel-statistics-store.ts';
import type { Statistics } from '../stats/statistics.ts';
import type { AgentStatus, KernelMetrics } from './agent.ts';
import { agentFamilies } from './metrics/agent-families.ts';
import { exposition } from './metrics/exposition.ts';
import { kernelFamilies } from './metrics/kernel-families.ts';
import { nodeFamilies, type SlotUse } from './metrics/node-families.ts';
import { OwnHealthMeter } from './metrics/own-health.ts';
import type { EventStore } from './parts.ts';

/** Usage is kept of so many ended kernels: of more than are kept to be inspected. */
const maxEnded = 1_000;

export interface KernelStatisticsParts {
  readonly kernels: Pick<KernelRegistry, 'list' | 'register'>;
  readonly statistics: Statistics;
  readonly operations: OperationTimes;
  readonly devices: Pick<NodeDevices, 'known' | 'use'>;
  readonly events: Pick<EventStore, 'waiting'>;
  readonly scratchLimitBytes: number | null;
}

/** The statistics. Disposing them ends following the kernels. */
export class KernelStatistics implements Disposable {
  readonly #parts: KernelStatisticsParts;
  readonly #ended = new Map<KernelId, KernelUsage>();
  readonly #owned = new DisposableStack();
  readonly #health: OwnHealthMeter;

  constructor(parts: KernelStatisticsParts) {
    this.#parts = parts;
    this.#health = this.#owned.use(new OwnHealthMeter());
    this.#owned.use(
      parts.kernels.register({
        runnerOpened: (record) => {
          this.#ended.delete(record.spec.id);
          const target = targetOf(record, parts);
          if (target) parts.statistics.follow(target);
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

  /** The text for Prometheus, in pieces between which others get their turn. */
  async *exposition(status: AgentStatus, signal: AbortSignal): AsyncGenerator<string> {
    const { statistics, operations, kernels, events } = this.#parts;
    const phases = new Map<KernelPhase, number>();
    for (const { phase } of kernels.list()) phases.set(phase, (phases.get(phase) ?? 0) + 1);
    const health = await this.#health.read();
    const figures = await statistics.now(signal);
    const queues = new Map([['final-records', statistics.waitingRecords]]);
    if (events.waiting !== undefined) queues.set('outbox', events.waiting);
    const families = [
      ...agentFamilies({ status, phases, health, operations, statistics, queues }),
      ...nodeFamilies(statistics.node(), this.#slots(status)),
      ...kernelFamilies(figures),
    ];
    for (const piece of exposition(families)) {
      yield piece;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #slots({ slots }: AgentStatus): Readonly<Record<string, SlotUse>> {
    const { devices } = this.#parts;
    const accelerators = [...devices.known.keys()].filter((slot) => slot.includes('.'));
    return {
      cpu: slots.cpus,
      mem: slots.memoryBytes,
      port: slots.ports,
      ...Object.fromEntries(accelerators.map((slot) => [slot, devices.use(slot)])),
    };
  }

  #close({ spec, termination }: KernelRecord): void {
    const usage = this.#parts.statistics.ended(spec.id, spec.sessionId, termination?.reason ?? null);
    if (!usage) return;
    this.#ended.set(spec.id, usage);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > maxEnded && oldest !== undefined) this.#ended.delete(oldest);
  }
}

/** The kernel as statistics look at it; null when it has no container. */
export function targetOf(
  { spec, containerId, phase, placement }: KernelRecord,
  { scratchLimitBytes }: Pick<KernelStatisticsParts, 'scratchLimitBytes'>,
): StatsTarget | null {
  if (containerId === null || phase === 'terminated') return null;
  return {
    kernelId: spec.id,
    sessionId: spec.sessionId,
    containerId,
    scratchLimitBytes,
    ...(placement.prewarmedNetwork ? { networkBefore: placement.prewarmedNetwork } : {}),
  };
}
