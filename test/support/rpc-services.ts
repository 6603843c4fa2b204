/** What RPC methods work with, in tests: with a given agent, or with none. */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Agent } from '../../src/agent/agent.ts';
import { checkHealth } from '../../src/agent/node.ts';
import { BackgroundTasks } from '../../src/backendai/operations/background-tasks.ts';
import { BatchRuns } from '../../src/backendai/operations/batch-runs.ts';
import { Commits } from '../../src/backendai/operations/commits.ts';
import { creationInfoOf } from '../../src/backendai/operations/creation-info.ts';
import { Creations } from '../../src/backendai/operations/creations.ts';
import { Executions } from '../../src/backendai/operations/executions.ts';
import { ImageTasks } from '../../src/backendai/operations/image-tasks.ts';
import { PortReservations } from '../../src/backendai/operations/port-reservations.ts';
import { RedisStatistics } from '../../src/backendai/redis/statistics-keys.ts';
import { BackgroundTaskRecords } from '../../src/backendai/redis/task-records.ts';
import type { ManagerNotifier, RpcServices } from '../../src/backendai/rpc/rpc-method.ts';
import type { CreationInfo } from '../../src/backendai/wire/events/info-maps.ts';
import { DummyEngine } from '../../src/engine/dummy/dummy-engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { KernelRegistry } from '../../src/kernel/kernel-registry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { KernelId } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { noRefusedServices } from '../../src/network/cluster-services.ts';
import { noPacketFilter } from '../../src/network/firewall/packet-filter.ts';
import { SessionNetworks } from '../../src/network/session-networks.ts';
import { PortPool } from '../../src/resources/port-pool.ts';
import type { JsonStore } from '../../src/storage/json-store.ts';
import { MemoryRedis } from './cluster/memory-redis.ts';
import { FakeClock } from './fake-clock.ts';
import { localFiles } from './foreign-files.ts';
import { recordFixture } from './kernel-record.ts';

/** Services whose parts a test may look at. */
export interface TestServices extends RpcServices, AsyncDisposable {
  readonly pool: PortPool;
  /** What was told of ends, one line each: published and suppressed ones; and events of tasks. */
  readonly published: string[];
  readonly redis: MemoryRedis;
  /** The time of background tasks, which pass no other. */
  readonly taskClock: FakeClock;
  /** Folder of committed kernels' files. */
  readonly commitRoot: string;
}

/** How the node is known. */
const node = { kernelHost: '10.0.0.5', agentAddress: 'tcp://10.0.0.5:6001', scalingGroup: 'default' };

/** Networks of an engine of their own, which nobody filters. */
const unfiltered = (): SessionNetworks =>
  new SessionNetworks({
    engine: new DummyEngine(),
    tag: '0a1b2c3d',
    agentId: 'i-test',
    clock: systemClock,
    log: silentLogger,
    refusedServices: noRefusedServices,
    packetFilter: noPacketFilter,
    connectionLimit: 8192,
  });

/** What they are made of, where that is not the most harmless. */
export interface TestServicesParts {
  readonly agent?: Agent;
  /** Has the records of the agent's kernels. */
  readonly kernels?: Pick<KernelRegistry, 'get'>;
  readonly networks?: RpcServices['networks'];
  readonly engine?: Engine;
}

/** Of nodes that are asked for nothing of their kernels. */
const absentAgent = new Proxy({} as Agent, {
  get: (_, name) => () => Promise.reject(new Error(`this node has no agent that could answer ${String(name)}`)),
});

export function rpcServices(parts: TestServicesParts = {}): TestServices {
  const { agent = absentAgent, networks = unfiltered(), engine = new DummyEngine() } = parts;
  const { kernels = { get: () => recordFixture() } } = parts;
  const published: string[] = [];
  const infoOf = (kernel: KernelId): CreationInfo => creationInfoOf(kernels.get(kernel), node);
  const notifier: ManagerNotifier = {
    notifyEnded: (kernel, session, reason) => void published.push(`${kernel} of ${session}: ${reason}`),
    suppressTermination: async (kernel) => void published.push(`suppressed ${kernel}`),
    reportError: ({ message }) => void published.push(`error ${message}`),
    notifyPulling: (kernel, _, image) => void published.push(`${kernel} pulls ${image}`),
    notifyFailed: (kernel) => void published.push(`${kernel} failed`),
    askResourceCheck: () => void published.push('resource check'),
  };
  const publish = (name: string, fields: object): void => void published.push(`${name} ${JSON.stringify(fields)}`);
  const redis = new MemoryRedis();
  const taskClock = new FakeClock();
  const tasks = new BackgroundTasks({
    records: new BackgroundTaskRecords(redis),
    publish,
    hasPublished: () => false,
    freeName: () => {},
    notes: memoryJsonStore(),
    clock: taskClock,
    log: silentLogger,
  });
  const notes = { begin: async () => {}, end: async () => {} };
  const limits = { concurrency: 2, pullTimeoutMs: 2000 };
  const creations = new Creations({ agent, notifier, notes, infoOf, ...limits, clock: systemClock });
  const root = path.join(tmpdir(), `kernelet-commits-${process.pid}`);
  const batches = new BatchRuns({
    agent,
    notes: memoryJsonStore(),
    publish,
    freeName: () => {},
    clock: systemClock,
    log: silentLogger,
  });
  const statistics = new RedisStatistics(redis, 'i-test');
  const pool = new PortPool({ first: 30_000, last: 30_002, clock: systemClock });
  return {
    agentId: 'i-test',
    localConfig: { abuseReportPath: null, watcher: null },
    agent,
    files: localFiles,
    executions: new Executions(agent),
    networks,
    ports: new PortReservations(pool, systemClock),
    notifier,
    infoOf,
    moveTo: async (group) => void published.push(`moves to ${group}`),
    creations,
    commits: new Commits({
      engine,
      kernels,
      tasks,
      publishCommitting: (ids) => statistics.writeCommitting(ids),
      root,
      clock: systemClock,
      log: silentLogger,
    }),
    images: new ImageTasks({
      agentId: 'i-test',
      agent,
      engine,
      tasks,
      publish,
      limits: { pullTimeoutMs: 10_000, pushTimeoutMs: 10_000 },
      clock: systemClock,
    }),
    batches,
    health: () => checkHealth('24.09.0', { 'container-engine': (signal) => engine.ping(signal) }, systemClock),
    pool,
    published,
    redis,
    taskClock,
    commitRoot: root,
    async [Symbol.asyncDispose]() {
      await batches[Symbol.asyncDispose]();
      await tasks[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Notes that no restart outlives. */
function memoryJsonStore<Note>(): Pick<JsonStore<Note>, 'all' | 'put' | 'remove'> {
  const all = new Map<string, Note>();
  return { all, put: async (name, note) => void all.set(name, note), remove: async (name) => void all.delete(name) };
}
