/**
 * What devices are used by: their plugins are asked in each round, each with a deadline of its own and each alone. One that
 * did not answer in time is let alone for a while.
 */
import type { DeviceHolder, DeviceMeasure, MeasuredAmount } from '../devices/device-measures.ts';
import type { NodePlugin } from '../devices/node-plugin.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { ContainerId, KernelId } from '../lib/ids.ts';
import { assignedIds } from '../resources/allocation.ts';
import type { KernelAllocation } from '../resources/allocator.ts';
import { definitionOf, type NodeCollector, type TakenMeasure } from './measure.ts';
import { containerMeasures, nodeMeasures } from './measure-kinds.ts';

/** What it works with. */
export interface DeviceFiguresParts {
  /** The plugins that there are now. */
  readonly plugins: () => readonly Pick<NodePlugin, 'key' | 'measure'>[];
  /** The kernels that hold devices of a plugin, and those that hold none. */
  readonly holders: (key: string) => readonly DeviceHolder[];
}

/** What is known of the devices of a kernel or of a process. */
export interface DeviceMeasures {
  /** Measured in this round. */
  readonly fresh: readonly TakenMeasure[];
  /** All keys that still hold: those of a plugin that missed a round too. */
  readonly keys: ReadonlySet<string>;
}

interface State {
  readonly collector: NodeCollector;
  measures: readonly DeviceMeasure[];
  /** Monotonic seconds. */
  measuredAt: number;
  restsUntil: number;
}

type Measuring = NonNullable<NodePlugin['measure']>;

const ownKeys = [...Object.keys(nodeMeasures), ...Object.keys(containerMeasures)];
const deadlineMs = 2_500;
const restS = 60;
/** For so long a plugin's last word holds. */
const trustS = 60;

/** The figures. */
export class DeviceFigures {
  readonly #parts: DeviceFiguresParts;
  /** By plugin; a plugin that has changed is another. */
  readonly #states = new Map<string, State>();

  constructor(parts: DeviceFiguresParts) {
    this.#parts = parts;
  }

  /** A collector for each plugin that measures. */
  collectors(): readonly NodeCollector[] {
    const plugins = this.#parts.plugins().filter(({ measure }) => measure !== undefined);
    const keys = new Set(plugins.map(({ key }) => key));
    for (const key of this.#states.keys()) if (!keys.has(key)) this.#states.delete(key);
    return plugins.map(({ key }) => this.#stateOf(key).collector);
  }

  /** What was measured at a monotonic time in seconds, or shortly before, by kernel. */
  kernels(at: number): ReadonlyMap<KernelId, DeviceMeasures> {
    return this.#measuredOf(at, ({ kernels }) => kernels);
  }

  /** The same by process, as the host counts them. */
  processes(at: number): ReadonlyMap<number, DeviceMeasures> {
    return this.#measuredOf(at, ({ processes }) => processes);
  }

  #measuredOf<Id>(
    at: number,
    of: (measure: DeviceMeasure) => ReadonlyMap<Id, MeasuredAmount>,
  ): ReadonlyMap<Id, DeviceMeasures> {
    const found = new Map<Id, { fresh: TakenMeasure[]; keys: Set<string> }>();
    for (const { measures, measuredAt } of this.#states.values()) {
      if (at - measuredAt > trustS) continue;
      for (const measure of measures) {
        for (const [id, amount] of of(measure)) {
          const known = found.get(id) ?? { fresh: [], keys: new Set() };
          found.set(id, known);
          known.keys.add(measure.key);
          if (measuredAt === at)
            known.fresh.push({ key: measure.key, definition: definition(measure, true), ...amount });
        }
      }
    }
    return found;
  }

  #stateOf(key: string): State {
    const known = this.#states.get(key);
    if (known) return known;
    const never = Number.NEGATIVE_INFINITY;
    const collector: NodeCollector = {
      name: `devices of ${key}`,
      collect: (at, signal) => this.#collect(key, at, signal),
    };
    const state: State = { collector, measures: [], measuredAt: never, restsUntil: never };
    this.#states.set(key, state);
    return state;
  }

  async #collect(key: string, at: number, signal: AbortSignal): ReturnType<NodeCollector['collect']> {
    const state = this.#stateOf(key);
    const measure = this.#parts.plugins().find((plugin) => plugin.key === key)?.measure;
    if (!measure) return [];
    if (at < state.restsUntil) throw new KerneletError('DEADLINE_EXCEEDED', 'it did not answer a short time ago');
    try {
      const measures = await this.#measure(measure, key, signal);
      this.#checkKeys(key, measures);
      state.measures = measures;
      state.measuredAt = at;
    } catch (error) {
      if (hasCode(error, 'DEADLINE_EXCEEDED')) state.restsUntil = at + restS;
      throw error;
    }
    return state.measures.map((one) => ({
      key: one.key,
      definition: definition(one, false),
      ...one.node,
      devices: one.devices,
    }));
  }

  /** A plugin of the key `io` could call something `io_read`, and one of `npu` begin as one of `npu_b` does. */
  #checkKeys(plugin: string, measures: readonly DeviceMeasure[]): void {
    const others = [...this.#states].filter(([key]) => key !== plugin).flatMap(([, state]) => state.measures);
    const taken = new Set([...ownKeys, ...others.map(({ key }) => key)]);
    const twice = measures.find(({ key }) => taken.has(key));
    if (twice) throw new KerneletError('NOT_SUPPORTED', `it measures ${twice.key}, which is measured by another`);
  }

  async #measure(measure: Measuring, key: string, signal: AbortSignal): Promise<readonly DeviceMeasure[]> {
    const bound = { what: `measuring devices of ${key}`, timeoutMs: deadlineMs, signal };
    return await withDeadline(bound, (deadline) => measure(this.#parts.holders(key), deadline.signal));
  }
}

const definition = ({ unit, filter, hook }: DeviceMeasure, ofHolder: boolean): TakenMeasure['definition'] =>
  definitionOf({ unit, filter: new Set(filter), hook }, ofHolder);

/** Every kernel with a container, what it holds of a plugin's devices, and its processes where that is something. */
export const holdersOf = (
  key: string,
  targets: readonly { readonly kernelId: KernelId; readonly containerId: ContainerId }[],
  held: ReadonlyMap<KernelId, KernelAllocation>,
  pidsOf: (containerId: ContainerId) => readonly number[],
): readonly DeviceHolder[] =>
  targets.map(({ kernelId, containerId }) => {
    const allocation = held.get(kernelId)?.get(key) ?? new Map();
    const pids = assignedIds(allocation).length > 0 ? pidsOf(containerId) : [];
    return { kernel: kernelId, container: containerId, allocation, pids };
  });
