/** Vectors of statistics over several rounds of collection, and what the database then holds. */
import { isDeepStrictEqual } from 'node:util';
import {
  agentPayload,
  kernelPayload,
  processPayload,
  type StatPayload,
} from '../../../src/backendai/statistics/cluster-statistics.ts';
import { kernelMetrics, type MetricKind, nodeMetrics } from '../../../src/backendai/statistics/manager-metrics.ts';
import { Metric, type WrittenMetrics } from '../../../src/backendai/statistics/metric.ts';
import { decodeMsgpack } from '../../../src/backendai/wire/msgpack/decode.ts';
import { Decimal } from '../../../src/lib/decimal.ts';
import { isObject, itemsOf, runCase, type VectorKind } from '../vector-kind.ts';
import { canonical } from './canonical.ts';

interface Stored {
  readonly db: number;
  readonly ttl_s: number;
  readonly value_hex: string;
  readonly decoded: Readonly<Record<string, unknown>>;
}

interface Round {
  readonly round: number;
  readonly perf_counter: number;
  readonly inputs: Readonly<Record<string, string | readonly [string, string]>>;
  readonly redis: Readonly<Record<string, Stored>>;
  readonly commands: readonly { readonly db: number; readonly command: string }[];
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const containerId = /^[0-9a-f]{60,64}$/;

/** Metrics of one node, kernel or process, kept over the rounds. */
class Metrics {
  readonly #metrics = new Map<string, Metric>();
  readonly #kinds: Readonly<Record<string, MetricKind>>;
  readonly #isNode: boolean;

  constructor(kinds: Readonly<Record<string, MetricKind>>, isNode = false) {
    this.#kinds = kinds;
    this.#isNode = isNode;
  }

  add(at: number, measured: Readonly<Record<string, readonly [value: string, capacity?: string]>>): WrittenMetrics {
    for (const [key, [value, capacity]] of Object.entries(measured)) {
      const kind = this.#kinds[key];
      if (!kind) throw new Error(`no metric ${key}`);
      const metric = this.#metrics.get(key) ?? new Metric({ ...kind, capacityFromFirst: !this.#isNode, rule: '24.09' });
      this.#metrics.set(key, metric);
      metric.add(new Decimal(value), capacity === undefined ? null : new Decimal(capacity), at);
    }
    return Object.fromEntries([...this.#metrics].map(([key, metric]) => [key, metric.toJSON()]));
  }
}

/** Collects the rounds of a file, one after the other. */
class Collection {
  readonly #node = new Metrics(nodeMetrics, true);
  readonly #kernel = new Metrics(kernelMetrics);
  readonly #process = new Metrics(kernelMetrics);

  /** What is stored after a round. */
  collect({ perf_counter: at, inputs, redis }: Round): readonly StatPayload[] {
    const text = (name: string): string => String(inputs[name]);
    const capacity = text('container cpu_util capacity');
    const [cpu, memory] = [text('container cpu ms'), text('container mem')];
    const node = this.#node.add(at, {
      cpu_util: inputs['node cpu_util (value, capacity)'] as readonly [string, string],
      mem: [text('node mem'), text('node mem capacity')],
      net_rx: [text('node net_rx (no capacity)')],
    });
    const kernel = this.#kernel.add(at, {
      cpu_util: [cpu, capacity],
      cpu_used: [cpu],
      mem: [memory, text('container mem capacity')],
      io_read: [text('container io_read')],
      io_scratch_size: ['0'],
    });
    const process = this.#process.add(at, { cpu_util: [cpu, capacity], mem: [memory] });
    return Object.entries(redis).map(([key, stored]) => {
      if (uuid.test(key)) return kernelPayload(key, kernel);
      if (containerId.test(key)) {
        const pids = [...(plainMap(stored.decoded) as ReadonlyMap<number, unknown>).keys()];
        return processPayload(key, new Map(pids.map((pid) => [pid, process])));
      }
      const devices = { cpu_util: '0', mem: 'root', net_rx: 'node' };
      return agentPayload(
        key,
        node,
        Object.fromEntries(
          Object.entries(devices).map(([metric, device]) => [metric, { [device]: node[metric] ?? {} }]),
        ),
      );
    });
  }
}

/** A decoded value; a map whose keys are no texts is written as a list of pairs. */
function plainMap(decoded: Stored['decoded']): unknown {
  const pairs = decoded['$map'];
  return Array.isArray(pairs) ? new Map(pairs as (readonly [unknown, unknown])[]) : decoded;
}

/** What the commands that the server saw set, and for how long. */
function expiriesOf(commands: Round['commands']): ReadonlyMap<string, number | null> {
  const expiries = new Map<string, number | null>();
  for (const { command } of commands) {
    const [verb, key = '', ...rest] = [...command.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? '');
    if (verb === 'SET') expiries.set(key, rest.at(-2) === 'EX' ? Number(rest.at(-1)) : null);
    if (verb === 'EXPIRE') expiries.set(key, Number(rest[0]));
  }
  return expiries;
}

function checkRound(round: Round, payloads: readonly StatPayload[]): string | null {
  if (payloads.length === 0) return 'stores nothing';
  const written = expiriesOf(round.commands);
  if (written.size !== payloads.length) return `the commands set ${written.size} keys, not ${payloads.length}`;
  for (const { key, expirySeconds, value } of payloads) {
    const stored = round.redis[key];
    if (stored?.db !== 0) return `${key} is not in database 0`;
    if (stored.ttl_s !== (expirySeconds ?? -1)) return `${key} stays ${expirySeconds} s, not ${stored.ttl_s}`;
    if (written.get(key) !== expirySeconds) return `${key} is set for ${written.get(key)} s, not ${expirySeconds}`;
    for (const wanted of [plainMap(stored.decoded), decodeMsgpack(Buffer.from(stored.value_hex, 'hex'))]) {
      if (isDeepStrictEqual(canonical(value), canonical(wanted))) continue;
      return `${key} is ${JSON.stringify(canonical(value))}, not ${JSON.stringify(canonical(wanted))}`;
    }
  }
  return null;
}

/** The kind; each round is a case. */
export const statistics: VectorKind = {
  name: 'statistics',
  recognises: (document) => itemsOf(document, 'rounds')?.every(({ inputs }) => isObject(inputs)) ?? false,
  run(document) {
    const collection = new Collection();
    return ((itemsOf(document, 'rounds') ?? []) as unknown as readonly Round[]).map((round) =>
      runCase(`round ${round.round}`, () => checkRound(round, collection.collect(round))),
    );
  },
};
