/**
 * `npm run demo`: sets up what is missing (engine, images), then walks through what kernelet does, printing each step
 * and its time, and leaves nothing behind. `--keep` leaves a private engine running for the next time.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureEngine } from '../scripts/engine.mjs';
import { Kernelet } from './kernelet.ts';
import { inventory, leftovers } from './leftovers.ts';
import * as screen from './screen.ts';
import { stations, type Times, type Tour } from './tour.ts';

const stateDir = path.resolve(import.meta.dirname, '..', '.cache', 'demo');
const begun = performance.now();
const cleanups = new AsyncDisposableStack();
let interrupted = false;

/** The first signal ends the tour after cleaning up; whatever runs is ended by the disposals. */
function onSignal(signal: NodeJS.Signals): void {
  if (interrupted) return;
  interrupted = true;
  process.stdout.write(`\n${signal}: cleaning up …\n`);
  void finish(130);
}

async function finish(status: number): Promise<void> {
  try {
    await cleanups.disposeAsync();
  } catch (error) {
    process.stderr.write(`cleaning up failed: ${String(error)}\n`);
    process.exit(1);
  }
  process.exit(status);
}

async function waitUntilReady(kernelet: Kernelet, daemon: ChildProcess): Promise<void> {
  const limit = performance.now() + 30_000;
  while (performance.now() < limit) {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with status ${daemon.exitCode}`);
    if ((await kernelet.run(['ps', '--json'])).status === 0) return;
    await sleep(20);
  }
  throw new Error('the daemon does not answer');
}

function summary(times: Times): void {
  screen.row('create a Python kernel (command included)', screen.spoken(times.create ?? Number.NaN));
  screen.row('first output', screen.spoken(times.firstOutput ?? Number.NaN));
  screen.row('query round trip (command included)', screen.spoken(times.query ?? Number.NaN));
  screen.row('destroy', screen.spoken(times.destroy ?? Number.NaN));
  screen.row('the whole tour', screen.spoken(performance.now() - begun));
}

async function main(): Promise<void> {
  const engine = await ensureEngine({
    keep: process.argv.includes('--keep'),
    log: (text: string) => screen.explain(text),
  });
  cleanups.defer(() => engine.stop());
  await mkdir(stateDir, { recursive: true });
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-demo-'));
  cleanups.defer(() => rm(folder, { recursive: true, force: true }));
  const before = await inventory(engine.dockerHost, stateDir);
  const places = { stateDir, socket: path.join(folder, 'api.sock'), dockerHost: engine.dockerHost };
  const kernelet = new Kernelet(places);
  // The daemon and what cleans up outlive the tour's own commands.
  const host = new Kernelet(places);

  let daemon: ChildProcess | undefined;
  const tour: Tour = {
    kernelet,
    folder,
    times: {},
    async startDaemon() {
      daemon = host.start(['serve', '--log-level', 'error'], 'ignore');
      await waitUntilReady(kernelet, daemon);
    },
    async killDaemon() {
      if (!daemon) return;
      const ended = once(daemon, 'exit');
      daemon.kill('SIGKILL');
      await ended;
    },
  };
  cleanups.defer(async () => {
    await kernelet[Symbol.asyncDispose]();
    if (daemon && daemon.exitCode === null && daemon.signalCode === null) {
      const listed = await host.run(['ps', '--json']);
      const kernels: unknown = listed.status === 0 ? JSON.parse(listed.stdout) : [];
      const ids = Array.isArray(kernels) ? kernels.map((kernel: { id: string }) => kernel.id) : [];
      if (ids.length > 0) await host.run(['rm', '-f', ...ids]);
    }
    await host[Symbol.asyncDispose]();
    const left = await leftovers(engine.dockerHost, stateDir, before);
    if (left.length > 0) throw new Error(`left behind: ${left.join('; ')}`);
    screen.explain('Nothing is left: no container, network, mount, process or scratch folder.');
  });

  for (const [index, station] of stations.entries()) {
    if (interrupted) return;
    screen.heading(index + 1, station.title);
    screen.explain(station.text);
    const start = performance.now();
    await station.run(tour);
    screen.took(performance.now() - start);
  }
  screen.heading(stations.length + 1, 'Summary');
  summary(tour.times);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
try {
  await main();
  if (!interrupted) await finish(0);
} catch (error) {
  if (!interrupted) {
    process.stderr.write(`\nthe tour failed: ${error instanceof Error ? error.message : String(error)}\n`);
    await finish(1);
  }
}
