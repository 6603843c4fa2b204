/**
 * What devices are used by: their plugins are asked in each round, each with a deadline of its own and each alone. One that
 * did not answer in time rests for a while.
 */
import type { DeviceHolder, DeviceMeasure, DeviceMeasureKind, MeasuredAmount } from '../devices/device-plugin.ts';
import type { NodePlugin } from '../devices/node-plugin.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { ContainerId, KernelId } from '../lib/ids.ts';
import { assignedIds } from '../resources/allocation.ts';
import type { KernelAllocation } from '../resources/allocator.ts';
import type { Timed } from './container-sample.ts';
import type { DeviceFigure } from './kernel-statistics-store.ts';
import type { NodeCollector } from './node-figures.ts';

/** Whom it asks, and about whom. */
export interface DeviceFiguresParts {
  /** The plugins that there are now. */
  readonly plugins: () => readonly Pick<NodePlugin, 'key' | 'measure'>[];
  /** The kernels that hold devices of a plugin, and those that hold none. */
  readonly holders: (key: string) => readonly DeviceHolder[];
}

/** How much of devices a kernel or a process uses by one measure. */
export interface DeviceReading extends MeasuredAmount {
  readonly kind: DeviceMeasureKind;
}

/** What is known of the devices of a kernel or of a process. */
export interface DeviceReadings {
  /** What plugins have measured in this very round. */
  readonly fresh: readonly DeviceReading[];
  /** The keys of all measures that still hold: those of a plugin that missed a round too. */
  readonly keys: ReadonlySet<string>;
}

interface Measured {
  readonly measures: readonly DeviceMeasure[];
  /** Monotonic seconds. */
  readonly at: number;
}

interface State {
  readonly collector: NodeCollector;
  last: Measured;
  /** The time before, for rates. */
  before: Measured;
  restsUntil: number;
}

type Measuring = NonNullable<NodePlugin['measure']>;
type AmountsOf<Id> = (measure: DeviceMeasure) => ReadonlyMap<Id, MeasuredAmount>;

/** Names of other measures of nodes and containers, which plugins cannot use. */
export const reservedMeasures: readonly string[] = [
  'cpu_util',
  'cpu_used',
  'mem',
  'disk',
  'net_rx',
  'net_tx',
  'io_read',
  'io_write',
  'io_scratch_size',
];
const deadlineMs = 2_500;
const restS = 60;
/** For so long a plugin's last answer holds. */
const trustS = 60;
const never: Measured = { measures: [], at: Number.NEGATIVE_INFINITY };

/** Measures by plugin, with what they were a round before. */
export class DeviceFigures {
  readonly #parts: DeviceFiguresParts;
  /** By plugin; a plugin that has changed is another. */
  readonly #states = new Map<string, State>();

  constructor(parts: DeviceFiguresParts) {
    this.#parts = parts;
  }

  /** A collector for each plugin that measures; what it measures is kept here. */
  collectors(): readonly NodeCollector[] {
    const plugins = this.#parts.plugins().filter(({ measure }) => measure !== undefined);
    const keys = new Set(plugins.map(({ key }) => key));
    for (const key of this.#states.keys()) if (!keys.has(key)) this.#states.delete(key);
    return plugins.map(({ key }) => this.#stateOf(key).collector);
  }

  /** What each plugin measured when it last could. */
  get measures(): readonly Timed<DeviceMeasure>[] {
    return [...this.#states.values()].flatMap(({ last: { measures, at } }) =>
      measures.map((measure) => ({ ...measure, at })),
    );
  }

  /** What was measured at a monotonic time in seconds, or shortly before, by kernel. */
  kernels(at: number): ReadonlyMap<KernelId, DeviceReadings> {
    return this.#readings(at, ({ kernels }) => kernels);
  }

  /** The same by process, as the host counts them. */
  processes(at: number): ReadonlyMap<number, DeviceReadings> {
    return this.#readings(at, ({ processes }) => processes);
  }

  /** The figures of every device. */
  ofNode(): readonly (DeviceFigure & { readonly device: string })[] {
    return [...this.#states.values()].flatMap((state) =>
      state.last.measures.flatMap((measure) =>
        [...measure.devices.keys()].flatMap((device) =>
          figuresIn(state, measure, ({ devices }) => devices, device).map((figure) => ({ ...figure, device })),
        ),
      ),
    );
  }

  /** The figures of a kernel's devices, of the last answers that hold at a monotonic time in seconds. */
  ofKernel(kernel: KernelId, at: number): readonly DeviceFigure[] {
    return this.#figures(at, ({ kernels }) => kernels, kernel);
  }

  /** The same of a process, as the host counts them. */
  ofProcess(pid: number, at: number): readonly DeviceFigure[] {
    return this.#figures(at, ({ processes }) => processes, pid);
  }

  #figures<Id>(at: number, of: AmountsOf<Id>, id: Id): readonly DeviceFigure[] {
    return this.#trusted(at).flatMap((state) =>
      state.last.measures.flatMap((measure) => figuresIn(state, measure, of, id)),
    );
  }

  #readings<Id>(at: number, of: AmountsOf<Id>): ReadonlyMap<Id, DeviceReadings> {
    const found = new Map<Id, { fresh: DeviceReading[]; keys: Set<string> }>();
    for (const { last } of this.#trusted(at)) {
      for (const kind of last.measures) {
        for (const [id, { value, capacity }] of of(kind)) {
          const known = found.get(id) ?? { fresh: [], keys: new Set() };
          found.set(id, known);
          known.keys.add(kind.key);
          if (last.at === at) known.fresh.push({ kind, value, capacity });
        }
      }
    }
    return found;
  }

  #trusted(at: number): readonly State[] {
    return [...this.#states.values()].filter(({ last }) => at - last.at <= trustS);
  }

  #stateOf(key: string): State {
    const known = this.#states.get(key);
    if (known) return known;
    const collector: NodeCollector = {
      name: `devices of ${key}`,
      collect: async (at, signal) => {
        await this.#collect(key, at, signal);
        return [];
      },
    };
    const state: State = { collector, last: never, before: never, restsUntil: Number.NEGATIVE_INFINITY };
    this.#states.set(key, state);
    return state;
  }

  async #collect(key: string, at: number, signal: AbortSignal): Promise<void> {
    const state = this.#stateOf(key);
    const measure = this.#parts.plugins().find((plugin) => plugin.key === key)?.measure;
    if (!measure) return;
    if (at < state.restsUntil) throw new KerneletError('DEADLINE_EXCEEDED', 'it did not answer a short time ago');
    try {
      const measures = await this.#measure(measure, key, signal);
      this.#checkKeys(key, measures);
      state.before = state.last;
      state.last = { measures, at };
    } catch (error) {
      if (hasCode(error, 'DEADLINE_EXCEEDED')) state.restsUntil = at + restS;
      throw error;
    }
  }

  /** A plugin of the key `io` could call something `io_read`, and one of `npu` begin as one of `npu_b` does. */
  #checkKeys(plugin: string, measures: readonly DeviceMeasure[]): void {
    const others = [...this.#states].filter(([key]) => key !== plugin).flatMap(([, { last }]) => last.measures);
    const used = new Set([...reservedMeasures, ...others.map(({ key }) => key)]);
    const twice = measures.find(({ key }) => used.has(key));
    if (twice) throw new KerneletError('NOT_SUPPORTED', `it measures ${twice.key}, which is measured by another`);
  }

  async #measure(measure: Measuring, key: string, signal: AbortSignal): Promise<readonly DeviceMeasure[]> {
    const bound = { what: `measuring devices of ${key}`, timeoutMs: deadlineMs, signal };
    return await withDeadline(bound, (deadline) => measure(this.#parts.holders(key), deadline.signal));
  }
}

/** The figure of one measure for a device, kernel or process: what its hook says of a counter. None when it has none. */
function figuresIn<Id>(
  { last, before }: Pick<State, 'last' | 'before'>,
  measure: DeviceMeasure,
  of: AmountsOf<Id>,
  id: Id,
): readonly DeviceFigure[] {
  const amount = of(measure).get(id);
  if (!amount) return [];
  const { key, unit, hook } = measure;
  const earlier = before.measures.find((one) => one.key === key);
  const grown = Math.max(0, amount.value - ((earlier && of(earlier).get(id)?.value) ?? amount.value));
  const value = hook === null ? amount.value : hook === 'diff' ? grown : grown / (last.at - before.at);
  return [{ measure: key, unit, value, capacity: amount.capacity }];
}

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
