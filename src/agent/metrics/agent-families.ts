/** The agent itself, for Prometheus: whether it works, how long it takes, what it holds, and the health of its process. */

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { openDescriptors } from '../../lib/descriptor-budget.ts';
import type { OperationTimes, Outcome } from '../../lib/operation-times.ts';
import type { Statistics } from '../../stats/statistics.ts';
import type { AgentStatus, KernelPhase } from '../agent.ts';
import { degradedModes } from '../degradation.ts';
import type { Family, HistogramSeries } from './exposition.ts';

/** What the families tell of. */
export interface AgentFacts {
  readonly status: AgentStatus;
  readonly phases: ReadonlyMap<KernelPhase, number>;
  /** How many kernels run whose record was rebuilt from what their containers say. */
  readonly unrecorded: number;
  readonly health: OwnHealth;
  readonly operations: OperationTimes;
  readonly statistics: Pick<Statistics, 'sampleSeconds' | 'roundSeconds' | 'missingMetricCounts'>;
  /** Length of each queue, by name. */
  readonly queues: ReadonlyMap<string, number>;
}

/** The families of the daemon's own state: its kernels by phase, its operations, its queues, its event loop. */
export function agentFamilies({
  status,
  phases,
  unrecorded,
  health,
  operations,
  statistics,
  queues,
}: AgentFacts): readonly Family[] {
  const gauge = (name: string, help: string, value: number | null): Family => ({
    name,
    type: 'gauge',
    help,
    series: [{ value }],
  });
  const counter = (name: string, help: string, value: number): Family => ({
    name,
    type: 'counter',
    help,
    series: [{ value }],
  });
  const labelled = (
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    label: string,
    values: Iterable<readonly [string, number]>,
  ): Family => ({ name, type, help, series: [...values].map(([key, value]) => ({ labels: { [label]: key }, value })) });
  return [
    {
      name: 'kernelet_info',
      type: 'gauge',
      help: 'Always 1; the labels say which agent this is.',
      series: [{ labels: { version: status.version, mode: status.mode, agent_id: status.agentId }, value: 1 }],
    },
    gauge('kernelet_start_time_seconds', 'When the agent started, since the epoch.', status.startedAt / 1000),
    gauge(
      'kernelet_ready',
      'Whether the agent has taken over its kernels and serves.',
      status.phase === 'ready' ? 1 : 0,
    ),
    gauge('kernelet_engine_healthy', 'Whether the engine answered last.', status.engine.healthy ? 1 : 0),
    gauge(
      'kernelet_hung_file_systems',
      'File systems that do not answer, as far as paths on them were asked for.',
      status.hungFileSystems.length,
    ),
    labelled(
      'kernelet_degraded',
      'gauge',
      'Whether the node lacks something for now, or works less well by it.',
      'mode',
      degradedModes.map((mode) => [mode, status.degraded.some((one) => one.mode === mode) ? 1 : 0]),
    ),
    gauge(
      'kernelet_unrecorded_kernels',
      'Kernels of which no more is known than their containers tell: neither the record nor its copy could be read.',
      unrecorded,
    ),
    labelled('kernelet_kernels', 'gauge', 'Kernels that have not ended, by phase.', 'phase', phases),
    labelled(
      'kernelet_invariant_violations_total',
      'counter',
      'What should never happen; a figure above 0 is worth a report.',
      'kind',
      Object.entries(status.invariantViolations),
    ),
    labelled('kernelet_queue_depth', 'gauge', 'What waits in queues of the agent.', 'queue', queues),
    {
      name: 'kernelet_operation_duration_seconds',
      type: 'histogram',
      help: 'How long operations of the agent, and requests to its engine, took, by how they ended.',
      series: durations(operations),
    },
    {
      name: 'kernelet_operations_under_way',
      type: 'gauge',
      help: 'Operations that have begun and not ended.',
      series: [...operations.all()].map(({ component, operation, underWay }) => ({
        labels: { component, operation },
        value: underWay,
      })),
    },
    {
      name: 'kernelet_statistics_sample_duration_seconds',
      type: 'histogram',
      help: 'How long reading the figures of one container took.',
      series: [{ histogram: statistics.sampleSeconds }],
    },
    {
      name: 'kernelet_statistics_round_duration_seconds',
      type: 'histogram',
      help: 'How long a round of statistics took.',
      series: [{ histogram: statistics.roundSeconds }],
    },
    labelled(
      'kernelet_statistics_missing_total',
      'counter',
      'Figures that could not be read, by what they are.',
      'source',
      statistics.missingMetricCounts,
    ),
    {
      name: 'kernelet_event_loop_delay_seconds',
      type: 'summary',
      help: 'How late the event loop was, looked at every 20 ms; quantiles since the scrape before, none at the first scrape.',
      series: [{ quantiles: health.loopDelay, sum: health.loopDelayTotal, count: health.loopLooks }],
    },
    counter('kernelet_event_loop_busy_seconds_total', 'Time that the event loop was not idle.', health.loopBusyTotal),
    counter('process_cpu_seconds_total', 'CPU time of the agent.', health.cpuTotal),
    gauge('process_resident_memory_bytes', 'Resident memory of the agent.', health.residentBytes),
    gauge('kernelet_heap_bytes', 'Memory of the JavaScript heap in use.', health.heapBytes),
    gauge('process_open_fds', 'Open file descriptors of the agent.', health.openFiles),
  ];
}

function* durations(operations: OperationTimes): Generator<HistogramSeries> {
  for (const { component, operation, seconds } of operations.all()) {
    for (const outcome of ['ok', 'error'] satisfies readonly Outcome[]) {
      yield { labels: { component, operation, outcome }, histogram: seconds[outcome] };
    }
  }
}

const resolutionMs = 20;

/** What is known of this process. Times are in seconds. */
export interface OwnHealth {
  /** By quantile, since the reading before; none at the first. */
  readonly loopDelay: ReadonlyMap<string, number>;
  /** How often the loop was looked at until now, and its delays added up. */
  readonly loopLooks: number;
  readonly loopDelayTotal: number;
  readonly loopBusyTotal: number;
  readonly cpuTotal: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly openFiles: number | null;
}

/** Measures from its first reading on, so that it costs nothing where nobody reads. Disposing it ends that. */
export class OwnHealthMeter implements Disposable {
  #delay: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #looks = 0;
  #delayTotal = 0;

  /** Delays of the loop since the reading before; totals since the first one. */
  async read(): Promise<OwnHealth> {
    const loopDelay = new Map<string, number>();
    if (this.#delay) {
      // The monitor counts the pause between two looks, of which the resolution is none of the loop's delay.
      const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
      for (const quantile of [0.5, 0.9, 0.99]) {
        loopDelay.set(String(quantile), seconds(this.#delay.percentile(quantile * 100)));
      }
      loopDelay.set('1', seconds(this.#delay.max));
      const { count, mean } = this.#delay;
      this.#looks += count;
      if (count > 0) this.#delayTotal += seconds(mean) * count;
      this.#delay.reset();
    } else {
      this.#delay = monitorEventLoopDelay({ resolution: resolutionMs });
      this.#delay.enable();
    }
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      loopDelay,
      loopLooks: this.#looks,
      loopDelayTotal: this.#delayTotal,
      loopBusyTotal: performance.eventLoopUtilization().active / 1000,
      cpuTotal: (user + system) / 1e6,
      residentBytes: rss,
      heapBytes: heapUsed,
      openFiles: openFiles(),
    };
  }

  [Symbol.dispose](): void {
    this.#delay?.disable();
  }
}

function openFiles(): number | null {
  try {
    const open = openDescriptors();
    return Number.isFinite(open) ? open : null;
  } catch {
    return null;
  }
}
