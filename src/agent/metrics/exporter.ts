/** What Prometheus gets of this node: the figures of the agent, the node and its kernels as families, and those as text. */
import type { NodeDevices } from '../../devices/node-devices.ts';
import type { KernelRegistry } from '../../kernel/kernel-registry.ts';
import type { KernelPhase } from '../../kernel/record.ts';
import type { OperationTimes } from '../../lib/operation-times.ts';
import type { Statistics } from '../../stats/statistics.ts';
import type { AgentStatus } from '../agent.ts';
import type { EventStore } from '../agent-parts.ts';
import { agentFamilies, OwnHealthMeter } from './agent-families.ts';
import { exposition } from './exposition.ts';
import { kernelFamilies, nodeFamilies, type SlotUse } from './figure-families.ts';

/** Where the figures come from. */
export interface ExporterParts {
  readonly kernels: Pick<KernelRegistry, 'list'>;
  readonly statistics: Statistics;
  readonly operations: OperationTimes;
  readonly devices: Pick<NodeDevices, 'known' | 'use'>;
  readonly events: Pick<EventStore, 'waiting'>;
}

/** Exports when it is asked. Disposing it ends the measurement of the event loop. */
export class MetricsExporter implements Disposable {
  readonly #parts: ExporterParts;
  readonly #health = new OwnHealthMeter();

  constructor(parts: ExporterParts) {
    this.#parts = parts;
  }

  /** The text for Prometheus, in pieces between which others get their turn. */
  async *exposition(status: AgentStatus, signal: AbortSignal): AsyncGenerator<string> {
    const { statistics, operations, kernels, events } = this.#parts;
    const phases = new Map<KernelPhase, number>();
    const records = kernels.list();
    for (const { phase } of records) phases.set(phase, (phases.get(phase) ?? 0) + 1);
    const unrecorded = records.filter(({ unrecordedSince }) => unrecordedSince !== null).length;
    const health = await this.#health.read();
    const figures = await statistics.now(signal);
    const queues = new Map([['final-records', statistics.waitingRecords]]);
    if (events.waiting !== undefined) queues.set('outbox', events.waiting);
    const families = [
      ...agentFamilies({ status, phases, unrecorded, health, operations, statistics, queues }),
      ...nodeFamilies(statistics.node(), this.#slots(status)),
      ...kernelFamilies(figures),
    ];
    for (const piece of exposition(families)) {
      yield piece;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  [Symbol.dispose](): void {
    this.#health[Symbol.dispose]();
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
}
