/**
 * P2, P7, P9, P10, P11, P12 and P23 of a member of a cluster with many kernels, its engine in memory: what the agent itself
 * takes. It is bundled and started as the daemon is.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '../../test/support/cluster/member.ts';
import type { SimulationOptions } from '../../test/support/cluster/simulated-member.ts';
import type { Figure, Measure } from '../measure.ts';
import { bundledSimulation, type OwnCluster, startCluster, timesOf } from '../member.ts';
import { floodRate } from '../rpc-flood.ts';
import { median, percentile } from '../statistics.ts';

const many = 100;
const thousand = 1_000;
const reconciled = 500;
const reconcileRounds = 20;
const most = 2_500;
/** Enough for them: each takes five. */
const manyPorts = [20_000, 39_999] as const;
const perCall = 50;
const outstanding = 256;
const idleMs = 20_000;
/** What Docker takes on the reference machine (design notes). */
const dockerDelays = { createContainer: 15, startContainer: 250 };
/** How many creations of a call go on at once, unless a cluster says otherwise. */
const parallelCreations = 4;
const image = 'kernelet/base:latest';
/** The configuration's default: tests, which wait for them, have more of them. */
const heartbeatS = 20;
const small = { resource_slots: { cpu: '1', mem: '33554432' }, resource_opts: {} };

type Figures = Record<string, Figure[]>;

async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) * 1024;
}

async function createAll(member: Member, count: number): Promise<void> {
  for (let made = 0; made < count; made += perCall)
    await member.createMany(Math.min(perCall, count - made), small, image);
}

/** Kills it and starts it again with the containers that it had; how long that takes until it is in its cluster, in seconds. */
async function killedAndStarted(member: Member, kernels: number): Promise<Pick<Figure, 'value' | 'beside'>> {
  await member.order({ order: 'keep' });
  await member.endDaemon('SIGKILL');
  const begun = performance.now();
  await member.startDaemon();
  await member.until('an answer', () => member.client.ping(100));
  const answering = performance.now() - begun;
  await member.untilLogged('member of the cluster');
  const restored = performance.now() - begun;
  const there = await member.order({ order: 'figures' });
  if (there.containers < kernels) throw new Error(`${there.containers} containers are there again, not ${kernels}`);
  return { value: restored / 1000, beside: { secondsUntilAnswers: answering / 1000 } };
}

/** With 500 kernels: how long reconciliation holds up the loop. With 1,000: a start that finds them again. */
async function hundreds(
  start: (simulation: SimulationOptions, ports: typeof manyPorts) => Promise<OwnCluster>,
  folder: string,
): Promise<Figures> {
  await using cluster = await start({ containers: path.join(folder, 'thousand') }, manyPorts);
  const { member } = cluster;
  await createAll(member, reconciled);
  const { blocks } = await member.order({ order: 'reconcile', rounds: reconcileRounds });
  await createAll(member, thousand - reconciled);
  const again = await killedAndStarted(member, thousand);
  return {
    P11: [{ name: 'member with 1,000 kernels: start → announced', ...again, unit: 's', must: 5, goal: 2 }],
    P23: [
      {
        name: `${reconciled} kernels: longest block by reconciliation, p50 of ${reconcileRounds} rounds`,
        value: median(blocks.map(({ ownMs }) => ownMs)),
        unit: 'ms',
        must: 15,
        goal: 5,
        beside: {
          'by the clock': median(blocks.map(({ wallMs }) => wallMs)),
          most: Math.max(...blocks.map(({ ownMs }) => ownMs)),
        },
      },
    ],
  };
}

/** With 100 kernels: memory, an idle member's CPU, the event loop under load, and a start that finds them again. */
async function hundred(
  start: (simulation: SimulationOptions) => Promise<OwnCluster>,
  folder: string,
): Promise<Figures> {
  await using cluster = await start({ cgroups: path.join(folder, 'cgroups'), containers: path.join(folder, 'kept') });
  const { member } = cluster;
  await sleep(5_000);
  const empty = await residentBytes(member.pid);
  await createAll(member, many);
  await sleep(5_000);
  const full = await residentBytes(member.pid);
  await member.order({ order: 'begin' });
  await sleep(idleMs);
  const { cpuMs } = await member.order({ order: 'figures' });
  await member.order({ order: 'begin', ticks: true });
  const rate = await floodRate(`tcp://127.0.0.1:${member.rpcPort}`, outstanding, 60_000);
  const { loopDelayP99Ms } = await member.order({ order: 'figures' });
  const again = await killedAndStarted(member, many);
  return {
    P7: [
      {
        name: 'event loop delay, 256 outstanding, 100 kernels, p99',
        value: loopDelayP99Ms,
        unit: 'ms',
        must: 15,
        goal: 4,
        beside: { callsPerSecond: rate },
      },
    ],
    P9: [{ name: 'idle CPU with 100 kernels', value: (cpuMs / idleMs) * 100, unit: '%', must: 4, goal: 0.5 }],
    P10: [
      { name: 'member, no kernels: resident memory', value: empty / 1e6, unit: 'MB', must: 105, goal: 75 },
      { name: 'member, 100 kernels: resident memory', value: full / 1e6, unit: 'MB', must: 130, goal: 90 },
    ],
    P11: [{ name: 'member with 100 kernels: start → announced', ...again, unit: 's', must: 1.5, goal: 0.4 }],
  };
}

/** 50 kernels in one call, with an engine that takes as long as Docker, beside that engine's time alone. */
async function fifty(start: (simulation: SimulationOptions) => Promise<OwnCluster>): Promise<Figures> {
  await using cluster = await start({ delays: dockerDelays });
  const { member } = cluster;
  const ratios: number[] = [];
  const bare = Math.ceil(perCall / parallelCreations) * (dockerDelays.createContainer + dockerDelays.startContainer);
  for (let round = 0; round < 3; round += 1) {
    const begun = Date.now();
    const kernels = await member.createMany(perCall, small, image);
    const last = Math.max(...(await timesOf(member, 'kernel_started', kernels)));
    ratios.push((last - begun) / bare);
    await Promise.all(kernels.map((kernel) => member.destroy(kernel)));
    await timesOf(member, 'kernel_terminated', kernels);
  }
  const name = '50 kernels in one call ÷ an engine as slow as Docker';
  return { P2: [{ name, value: median(ratios), unit: '', must: 1.3, goal: 1.05, beside: { bareMs: bare } }] };
}

/** As many kernels as one agent is to have: all run, and calls are answered as ever. */
async function crowd(
  start: (simulation: SimulationOptions, ports: typeof manyPorts) => Promise<OwnCluster>,
): Promise<Figures> {
  await using cluster = await start({}, manyPorts);
  const { member } = cluster;
  const begun = performance.now();
  await createAll(member, most);
  const seconds = (performance.now() - begun) / 1000;
  const pings: number[] = [];
  for (let round = 0; round < 1_000; round += 1) {
    const sent = performance.now();
    if (!(await member.client.ping())) throw new Error('no answer');
    pings.push(performance.now() - sent);
  }
  const { containers } = await member.order({ order: 'figures' });
  const beside = {
    createdPerSecond: most / seconds,
    residentMegabytes: (await residentBytes(member.pid)) / 1e6,
    pingP99Ms: percentile(pings, 0.99),
  };
  return {
    P12: [
      { name: 'kernels on one agent', value: containers, unit: '', must: most, goal: 10_000, larger: true, beside },
    ],
  };
}

export const simulated: Measure = {
  ids: ['P2', 'P7', 'P9', 'P10', 'P11', 'P12', 'P23'],
  title: 'a member with many kernels',
  inCluster: true,
  async run() {
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-bench-simulated-'));
    try {
      const simulationCommand = await bundledSimulation();
      const start = (simulation: SimulationOptions, portRange?: typeof manyPorts) =>
        startCluster({ simulation, simulationCommand, heartbeatS, ...(portRange ? { portRange } : {}) });
      const [some, more] = [await hundred(start, folder), await hundreds(start, folder)];
      const P11 = [...(some['P11'] ?? []), ...(more['P11'] ?? [])];
      return { ...some, ...more, P11, ...(await fifty(start)), ...(await crowd(start)) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
