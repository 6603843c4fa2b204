/** The figures of the node: their table, and the collectors that measure them. One that fails is reported and skips its turn. */
import type { MeasuredAmount } from '../devices/device-plugin.ts';
import { type MissingMetric, missingMetricOf, type Timed } from './container-sample.ts';

/** A series for Prometheus: its name after `kernelet_node_`. */
interface NodeSeries {
  readonly name: string;
  readonly help: string;
}

interface NodeRow {
  readonly type: 'counter' | 'level';
  readonly unit: 'seconds' | 'bytes';
  /** One sentence for the API. */
  readonly help: string;
  /** What its parts are, which is the label of their series; null: it has none. */
  readonly part: 'cpu' | 'device' | null;
  readonly used: NodeSeries;
  /** Of the capacity; absent where that is nothing by itself. */
  readonly total?: NodeSeries;
}

/** The figures, one row each: from it follow the collectors' names, the API's reply and the series for Prometheus. */
export const nodeFigures = {
  cpuSeconds: {
    type: 'counter',
    unit: 'seconds',
    help: 'Time that CPUs spent on programs and on the system for them; out of the time since the round before.',
    part: 'cpu',
    used: {
      name: 'cpu_seconds_total',
      help: 'Time that CPUs of the node spent on programs and on the system for them.',
    },
  },
  memoryBytes: {
    type: 'level',
    unit: 'bytes',
    help: 'Memory that is not available.',
    part: null,
    used: { name: 'memory_used_bytes', help: 'Memory of the node that is not available.' },
    total: { name: 'memory_total_bytes', help: 'Memory of the node.' },
  },
  diskBytes: {
    type: 'level',
    unit: 'bytes',
    help: 'Space of disks that is not available.',
    part: 'device',
    used: { name: 'disk_used_bytes', help: 'Space of a disk that is not available.' },
    total: { name: 'disk_total_bytes', help: 'Space of a disk.' },
  },
  receivedBytes: {
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes received by all interfaces, loopback included.',
    part: null,
    used: {
      name: 'network_received_bytes_total',
      help: 'Bytes received by all interfaces of the node, loopback included.',
    },
  },
  sentBytes: {
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes sent by all interfaces, loopback included.',
    part: null,
    used: { name: 'network_sent_bytes_total', help: 'Bytes sent by all interfaces of the node, loopback included.' },
  },
} as const satisfies Readonly<Record<string, NodeRow>>;

/** The name of a figure. */
export type NodeFigureName = keyof typeof nodeFigures;

/** All rows, in their order. */
export const allNodeFigures: readonly (NodeRow & { readonly name: NodeFigureName })[] = Object.entries(nodeFigures).map(
  ([name, row]) => ({ name: name as NodeFigureName, ...row }),
);

/** A figure as a collector reads it. */
export interface NodeReading extends MeasuredAmount {
  readonly figure: NodeFigureName;
  /** The same figure of each CPU or disk, by name. */
  readonly parts: ReadonlyMap<string, MeasuredAmount>;
}

/** What measures figures of the node. One file each in `node/`. */
export interface NodeCollector {
  readonly name: string;
  /** Measures now; `at` is the monotonic time in seconds. */
  collect(at: number, signal: AbortSignal): Promise<readonly NodeReading[]>;
}

/** A figure as the API has it, of the last round. */
export interface NodeFigure extends MeasuredAmount {
  /** By how much a counter grew in a second since the round before; null for levels, and before there are two rounds. */
  readonly perSecond: number | null;
  readonly parts: Readonly<Record<string, MeasuredAmount>>;
}

interface Counted {
  readonly at: number;
  readonly value: number;
  readonly perSecond: number | null;
}

/** Runs the collectors, and keeps what each measured when it last could. */
export class NodeFigures {
  readonly #collectors: readonly NodeCollector[];
  readonly #more: () => readonly NodeCollector[];
  /** What each collector measured when it last could. */
  readonly #readings = new Map<string, readonly Timed<NodeReading>[]>();
  readonly #counted = new Map<NodeFigureName, Counted>();
  #at = Number.NEGATIVE_INFINITY;
  #missing: readonly MissingMetric[] = [];

  /** `more`: collectors that may be others from round to round. Each is known by its name. */
  constructor(collectors: readonly NodeCollector[], more: () => readonly NodeCollector[] = () => []) {
    this.#collectors = collectors;
    this.#more = more;
  }

  /** What could not be measured in the last round. */
  get missing(): readonly MissingMetric[] {
    return this.#missing;
  }

  /** What each collector measured when it last could. */
  get readings(): readonly Timed<NodeReading>[] {
    return [...this.#readings.values()].flat();
  }

  /** What was measured in the last round. */
  get latest(): readonly Timed<NodeReading>[] {
    return this.readings.filter(({ at }) => at === this.#at);
  }

  /** The figures of the last round; null = not measured. */
  figures(): Readonly<Record<NodeFigureName, NodeFigure | null>> {
    const { latest } = this;
    const entries = allNodeFigures.map(({ name, type }): [NodeFigureName, NodeFigure | null] => {
      const reading = latest.find(({ figure }) => figure === name);
      if (!reading) return [name, null];
      const { value, capacity, parts } = reading;
      const perSecond = type === 'counter' ? (this.#counted.get(name)?.perSecond ?? null) : null;
      return [name, { value, capacity, perSecond, parts: Object.fromEntries(parts) }];
    });
    return Object.fromEntries(entries) as Record<NodeFigureName, NodeFigure | null>;
  }

  /** Measures; `at` is the monotonic time in seconds. Rejects with the signal's reason alone. */
  async round(at: number, signal: AbortSignal): Promise<void> {
    const missing: MissingMetric[] = [];
    const collectors = [...this.#collectors, ...this.#more()];
    for (const { name, collect } of collectors) {
      try {
        const readings = await collect(at, signal);
        this.#readings.set(
          name,
          readings.map((reading) => ({ ...reading, at })),
        );
        for (const { figure, value } of readings) this.#count(figure, value, at);
      } catch (error) {
        signal.throwIfAborted();
        missing.push(missingMetricOf(name, error));
      }
    }
    const names = new Set(collectors.map(({ name }) => name));
    for (const name of this.#readings.keys()) if (!names.has(name)) this.#readings.delete(name);
    this.#at = at;
    this.#missing = missing;
  }

  #count(figure: NodeFigureName, value: number, at: number): void {
    const before = this.#counted.get(figure);
    const seconds = before ? at - before.at : 0;
    const perSecond = before && seconds > 0 ? Math.max(0, (value - before.value) / seconds) : null;
    this.#counted.set(figure, { at, value, perSecond });
  }
}
