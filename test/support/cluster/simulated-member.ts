/**
 * The composition root of a simulated member of a cluster: its engine is in memory, its runners play a script, and all else is
 * as in the daemon. A process of its own: `node simulated-member.ts CONFIG OPTIONS`, with the options as JSON. It serves
 * until SIGTERM; what it is asked in messages is in `Order`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createHistogram } from 'node:perf_hooks';
import { FakeCgroups } from '../../../bench/fake-cgroups.ts';
import type { AssembleMember } from '../../../src/agent/node.ts';
import { openMember } from '../../../src/backendai/index.ts';
import type { ClusterOverrides } from '../../../src/config/cluster-overrides.ts';
import { loadSettings } from '../../../src/config/load.ts';
import { cpuPlugin, memPlugin } from '../../../src/devices/basic-plugins.ts';
import type { DummyContainer } from '../../../src/engine/dummy/dummy-containers.ts';
import { DummyEngine } from '../../../src/engine/dummy/dummy-engine.ts';
import type { DummyMethod } from '../../../src/engine/dummy/dummy-faults.ts';
import { dummyImage } from '../../../src/engine/dummy/dummy-images.ts';
import type { ContainerSpec, EngineNetwork } from '../../../src/engine/engine.ts';
import type { CreationStep } from '../../../src/kernel/creation/step.ts';
import type { KernelRegistry } from '../../../src/kernel/kernel-registry.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { createLogger } from '../../../src/lib/log.ts';
import { OperationTimes } from '../../../src/lib/operation-times.ts';
import { assembleNode } from '../../../src/main/assemble-node.ts';
import { type EngineBackend, thisMachine } from '../../../src/main/engine-backends.ts';
import { memberRole } from '../../../src/main/member.ts';
import { daemonPrewarmedNetworks } from '../../../src/main/standalone.ts';
import { machineTools } from '../../../src/network/bandwidth.ts';
import { noPacketFilter } from '../../../src/network/firewall/packet-filter.ts';
import { echo, ScriptedRunner } from '../../../src/runner-client/scripted-runner.ts';
import { nodeDevices } from '../node-devices.ts';
import { maxBlock, type Took } from '../own-time.ts';

/** How the simulation is to be. */
export interface SimulationOptions {
  /** How long each call of the engine takes, in milliseconds. */
  readonly delays?: Partial<Record<DummyMethod, number>>;
  /** No step of a creation takes longer, in milliseconds. */
  readonly stepDeadlineMs?: number;
  /** A folder in which containers get cgroups that are only files. */
  readonly cgroups?: string;
  /** A file from which what the engine has comes, when it is there, and into which `keep` writes it. */
  readonly containers?: string;
}

/** What it can be told. */
export type Order =
  /** The next calls of this method never answer. */
  | { readonly order: 'hang'; readonly method: DummyMethod; readonly times: number }
  /** Keep the engine's containers for the next start. */
  | { readonly order: 'keep' }
  /** Count from here, collecting garbage where that is possible. */
  | { readonly order: 'begin'; readonly ticks?: true }
  /** How things went since `begin`. */
  | { readonly order: 'figures' }
  /** Compare records, containers, folders and devices so often. */
  | { readonly order: 'reconcile'; readonly rounds: number };

/** The answer to every order. */
export interface SimulationFigures {
  /** What lives, when garbage has been collected just now. */
  readonly heapBytes: number;
  /** Since `begin`: the event loop's delay at its worst hundredth, where it was looked at, and CPU time, in milliseconds. */
  readonly loopDelayP99Ms: number;
  readonly cpuMs: number;
  readonly containers: number;
  /** The longest time that each round of the last `reconcile` held up the event loop. */
  readonly blocks: readonly Took[];
}

/** How often the event loop is to come round. */
const tickMs = 5;

const [configFile = '', text = '{}'] = process.argv.slice(2);
const options = JSON.parse(text) as SimulationOptions;
const cgroups = options.cgroups === undefined ? null : new FakeCgroups(options.cgroups);
const engine = new DummyEngine({
  images: [dummyImage('kernelet/base:latest')],
  onStart: (container: DummyContainer) => cgroups?.write(container.id, String(container.pid)),
});

/** What the engine has, as it is kept. */
interface Kept {
  readonly networks: readonly EngineNetwork[];
  /** In the order in which they were made, so that each gets the id that it had. */
  readonly containers: readonly ContainerSpec[];
}

async function restore(file: string): Promise<void> {
  if (!existsSync(file)) return;
  const signal = AbortSignal.timeout(60_000);
  const { networks, containers } = JSON.parse(readFileSync(file, 'utf8')) as Kept;
  for (const network of networks) {
    if ((await engine.inspectNetwork(network.name, signal)) === null) {
      const { name, labels, isolated, interfaceName } = network;
      await engine.createNetwork({ name, labels, isolated, ...(interfaceName && { interfaceName }) }, signal);
    }
  }
  for (const spec of containers) await engine.startContainer(await engine.createContainer(spec, signal), signal);
}

async function keep(file: string): Promise<void> {
  const networks = await engine.listNetworks({}, AbortSignal.timeout(60_000));
  const kept: Kept = { networks, containers: engine.containers.map(({ spec }) => spec) };
  writeFileSync(file, JSON.stringify(kept));
}

if (options.containers !== undefined) await restore(options.containers);
for (const [method, delayMs] of Object.entries(options.delays ?? {})) {
  engine.fail(method as DummyMethod, { kind: 'delay', delayMs }, { times: Number.POSITIVE_INFINITY });
}

/** More than any simulation asks for; cores are allocated as those of real machines are. */
const devices = nodeDevices([
  cpuPlugin({
    cores: Array.from({ length: 256 }, (_, core) => ({ core, numaNode: 0 })),
    overcommit: 10,
    agentVersion: '0',
    machine: 'x86_64',
    system: 'Linux',
  }),
  memPlugin(2 ** 42),
]);

const { stepDeadlineMs = Number.POSITIVE_INFINITY } = options;
const inTime = (step: CreationStep): CreationStep => ({
  ...step,
  deadlineMs: Math.min(step.deadlineMs, stepDeadlineMs),
});
const loadOptions = { flags: { configFile }, environ: process.env, workingDir: process.cwd() };
const { settings } = await loadSettings(loadOptions);
const log = createLogger(settings.logging.level);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort(new Error('stopped')));
process.once('disconnect', () => stop.abort(new Error('nobody is there any more')));

const backend: EngineBackend = {
  engine,
  outlivesDaemon: options.containers !== undefined,
  connectRunner: () => new ScriptedRunner(() => echo),
  packetFilter: noPacketFilter,
  runnerVolume: async () => '/nonexistent/volume',
  findDevices: async () => devices,
  networkBytes: async () => ({ receivedBytes: 0, sentBytes: 0 }),
  readSockets: async () => '',
  runTool: machineTools,
  processRoot: null,
  figuresHost: (files) => cgroups?.host ?? thisMachine(files),
  engineMounts: [],
};
const operations = new OperationTimes(systemClock);
let kernels: KernelRegistry | undefined;
const assemble: AssembleMember = async (inForce, state, adapter) => {
  const { views: _, ...container } = memberRole(inForce, adapter, log).container;
  const assembled = await assembleNode(
    {
      settings: inForce,
      role: { ...memberRole(inForce, adapter, log), container },
      state,
      backend,
      events: adapter.events,
      scratchRoot: inForce.container.scratchRoot,
      keepsKernels: true,
      prewarmedNetworks: daemonPrewarmedNetworks,
      operations,
      log,
      kernelParts: () => ({
        hooks: [adapter.hooks(engine)],
        adaptPlan: (plan) => plan.map((group) => ('name' in group ? inTime(group) : group.map(inTime))),
      }),
    },
    new AsyncDisposableStack(),
  );
  kernels = assembled.kernels;
  return assembled;
};
const reload = (cluster: ClusterOverrides) => loadSettings({ ...loadOptions, cluster });
const node = await openMember({ settings, reload, operations, log, signal: stop.signal, assemble });
await node.run();

let histogram = createHistogram();
let blocks: readonly Took[] = [];
let cpu = process.cpuUsage();
let ticking: NodeJS.Timeout | undefined;

/** Counts anew; with `ticks` the event loop is looked at, which takes some of an idle process's time itself. */
function begin(ticks: boolean): void {
  globalThis.gc?.();
  clearInterval(ticking);
  histogram = createHistogram();
  if (ticks) {
    let due = performance.now() + tickMs;
    ticking = setInterval(() => {
      const now = performance.now();
      histogram.record(Math.max(1, Math.round((now - due) * 1000)));
      due = now + tickMs;
    }, tickMs);
  }
  cpu = process.cpuUsage();
}

function figures(): SimulationFigures {
  const { user, system } = process.cpuUsage(cpu);
  return {
    heapBytes: process.memoryUsage().heapUsed,
    loopDelayP99Ms: histogram.percentile(99) / 1000,
    cpuMs: (user + system) / 1000,
    containers: engine.containers.length,
    blocks,
  };
}

async function reconcile(registry: KernelRegistry, rounds: number): Promise<void> {
  const took: Took[] = [];
  for (let round = 0; round < rounds; round += 1) {
    took.push(
      await maxBlock(async () => {
        await registry.sweep(stop.signal);
        await registry.auditDevices(stop.signal);
      }),
    );
  }
  blocks = took;
}

async function obey(order: Order): Promise<void> {
  if (order.order === 'hang') engine.fail(order.method, { kind: 'hang' }, { times: order.times });
  if (order.order === 'keep' && options.containers !== undefined) await keep(options.containers);
  if (order.order === 'reconcile' && kernels) await reconcile(kernels, order.rounds);
  if (order.order === 'begin') begin(order.ticks === true);
  process.send?.(figures());
}

process.on('message', (order: Order) => void obey(order));

await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true }));
await node[Symbol.asyncDispose]();
process.exit(0);
