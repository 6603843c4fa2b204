/**
 * A member of a cluster whose engine is in memory and whose runners play a script, a process of its own:
 * `node rehearsal-child.ts CONFIG OPTIONS`, with the options as JSON. All else is as in the daemon. It serves until
 * SIGTERM; what it is asked in messages is in `Order`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createHistogram } from 'node:perf_hooks';
import { FakeCgroups } from '../../../bench/fake-cgroups.ts';
import { loadSettings } from '../../../src/config/load.ts';
import { cpuPlugin } from '../../../src/devices/cpu-plugin.ts';
import { memPlugin } from '../../../src/devices/mem-plugin.ts';
import { NodeDevices } from '../../../src/devices/node-devices.ts';
import { inProcess } from '../../../src/devices/node-plugin.ts';
import type { DummyContainer } from '../../../src/engine/dummy/dummy-container.ts';
import { DummyEngine } from '../../../src/engine/dummy/dummy-engine.ts';
import type { DummyMethod } from '../../../src/engine/dummy/dummy-faults.ts';
import { dummyImage } from '../../../src/engine/dummy/dummy-images.ts';
import type { ContainerSpec } from '../../../src/engine/engine.ts';
import type { CreationStep } from '../../../src/kernel/step.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { createLogger, silentLogger } from '../../../src/lib/log.ts';
import { OperationTimes } from '../../../src/lib/operation-times.ts';
import { buildClusterNode } from '../../../src/main/cluster/cluster-node.ts';
import { type RunScript, ScriptedRunner } from '../scripted-runner.ts';

/** How the rehearsal is to be. */
export interface RehearsalOptions {
  /** How long each call of the engine takes, in milliseconds. */
  readonly delays?: Partial<Record<DummyMethod, number>>;
  /** No step of a creation takes longer, in milliseconds. */
  readonly stepDeadlineMs?: number;
  /** A folder in which containers get cgroups that are only files. */
  readonly cgroups?: string;
  /** A file from which the engine's containers come, when it is there, and into which `keep` writes them. */
  readonly containers?: string;
}

/** What it can be told. */
export type Order =
  /** The next calls of this method never answer. */
  | { readonly order: 'hang'; readonly method: DummyMethod; readonly times: number }
  /** Keep the engine's containers for the next start. */
  | { readonly order: 'keep' }
  /** Count from here, collecting garbage where that is possible. */
  | { readonly order: 'begin' }
  /** How things went since `begin`. */
  | { readonly order: 'figures' };

/** The answer to every order. */
export interface RehearsalFigures {
  readonly residentBytes: number;
  /** Since `begin`: the event loop's delay at its worst hundredth, CPU time, in milliseconds. */
  readonly loopDelayP99Ms: number;
  readonly cpuMs: number;
  readonly containers: number;
}

const echo: RunScript = async function* (request) {
  yield [{ kind: 'started' }];
  yield [{ kind: 'stdout' }, `${'code' in request ? request.code : ''}\n`];
  yield [{ kind: 'finished', exitCode: 0, reason: 'exited' }];
};

/** How often the event loop is to come round. */
const tickMs = 5;

const [configFile = '', text = '{}'] = process.argv.slice(2);
const options = JSON.parse(text) as RehearsalOptions;
const cgroups = options.cgroups === undefined ? null : new FakeCgroups(options.cgroups);
const engine = new DummyEngine({
  images: [dummyImage('kernelet/base:latest')],
  onStart: (container: DummyContainer) => cgroups?.write(container.id, String(container.pid)),
});

/** In the order in which they were made, so that each gets the id that it had. */
async function restoreContainers(file: string): Promise<void> {
  if (!existsSync(file)) return;
  const signal = AbortSignal.timeout(60_000);
  for (const spec of JSON.parse(readFileSync(file, 'utf8')) as ContainerSpec[]) {
    await engine.startContainer(await engine.createContainer(spec, signal), signal);
  }
}

if (options.containers !== undefined) await restoreContainers(options.containers);
for (const [method, delayMs] of Object.entries(options.delays ?? {})) {
  engine.fail(method as DummyMethod, { kind: 'delay', delayMs }, { times: Number.POSITIVE_INFINITY });
}

/** More than any rehearsal asks for; cores are allocated as those of real machines are. */
const devices = new NodeDevices({
  plugins: [
    cpuPlugin({
      cores: Array.from({ length: 256 }, (_, core) => ({ core, numaNode: 0 })),
      overcommit: 10,
      agentVersion: '0',
      machine: 'x86_64',
      system: 'Linux',
    }),
    memPlugin(2 ** 42),
  ].map((plugin) => inProcess(plugin, '0')),
  order: ['cpu', 'mem'],
  policy: 'interleaved',
  rule: '24.09',
  reserved: new Map(),
  plainWords: false,
  logAllocations: false,
  log: silentLogger,
});

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

const node = await buildClusterNode({
  settings,
  reload: (cluster) => loadSettings({ ...loadOptions, cluster }),
  operations: new OperationTimes(systemClock),
  log,
  signal: stop.signal,
  rehearsal: {
    engine,
    connectRunner: () => new ScriptedRunner(() => echo),
    iptables: async () => ({ exitCode: 0, stderr: '' }),
    volume: '/nonexistent/volume',
    devices,
    adaptPlan: (plan) => plan.map((group) => ('name' in group ? inTime(group) : group.map(inTime))),
    ...(cgroups ? { figures: cgroups.host } : {}),
  },
});
await node.run();

let histogram = createHistogram();
let cpu = process.cpuUsage();
let due = performance.now() + tickMs;
setInterval(() => {
  const now = performance.now();
  histogram.record(Math.max(1, Math.round((now - due) * 1000)));
  due = now + tickMs;
}, tickMs).unref();

function figures(): RehearsalFigures {
  const { user, system } = process.cpuUsage(cpu);
  return {
    residentBytes: process.memoryUsage.rss(),
    loopDelayP99Ms: histogram.percentile(99) / 1000,
    cpuMs: (user + system) / 1000,
    containers: engine.containers.length,
  };
}

process.on('message', (order: Order) => {
  if (order.order === 'hang') engine.fail(order.method, { kind: 'hang' }, { times: order.times });
  if (order.order === 'keep' && options.containers !== undefined) {
    writeFileSync(options.containers, JSON.stringify(engine.containers.map(({ spec }) => spec)));
  }
  if (order.order === 'begin') {
    globalThis.gc?.();
    histogram = createHistogram();
    cpu = process.cpuUsage();
  }
  process.send?.(figures());
});

await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true }));
await node[Symbol.asyncDispose]();
process.exit(0);
