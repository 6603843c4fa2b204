// A Docker daemon of our own: everything of it lies below one folder (data, log, records) and one short folder for
// sockets, so that it disturbs no other daemon and can be removed without a trace. Images stay in the data folder.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardForeignRules, makeBridge, removeBridges } from './bridges.mjs';
import { capture, environment, findProgram } from './command.mjs';
import { answers, bridgesOf } from './ping.mjs';
import { commandLine, endProcess, mountsBelow, processesInGroup, processesWith, startTime } from './processes.mjs';

const startPatienceMs = 60_000;
const stopPatienceMs = 30_000;

/** Where the parts of the engine of a folder lie. Sockets take 107 bytes, so theirs is a short path. */
export function layout(folder) {
  const id = createHash('sha256').update(folder).digest('hex').slice(0, 8);
  const run = `/run/kernelet-engine-${id}`;
  return {
    folder,
    run,
    data: path.join(folder, 'data'),
    log: path.join(folder, 'dockerd.log'),
    /** Empty settings, so that those of the machine's own daemon don't apply. */
    settings: path.join(folder, 'dockerd.json'),
    pidFile: path.join(folder, 'dockerd.pid'),
    /** Present when the engine is to outlive its users. */
    kept: path.join(folder, 'kept'),
    users: path.join(folder, 'users'),
    lock: path.join(folder, 'lock'),
    exec: path.join(run, 'exec'),
    socket: path.join(run, 'docker.sock'),
    bridge: `knl${id}`,
    namespace: `kernelet-${id}`,
  };
}

/** The pid of the running daemon of this folder; undefined when there is none. A recorded pid alone proves nothing. */
export async function runningPid(place) {
  const pid = Number.parseInt(await readFile(place.pidFile, 'utf8').catch(() => ''), 10);
  if (!Number.isInteger(pid)) return undefined;
  return (await commandLine(pid)).includes(`--pidfile=${place.pidFile}`) ? pid : undefined;
}

/** Starts the daemon, with more arguments than the usual ones, and waits until it answers. What live-restore has left runs on. */
export async function startDaemon(place, more = []) {
  if (more.includes('--live-restore')) await endContainerd(place);
  else await clearAway(place, []);
  await mkdir(place.data, { recursive: true, mode: 0o710 });
  await mkdir(place.run, { recursive: true, mode: 0o700 });
  await writeFile(place.settings, '{}\n');
  await makeBridge(place.bridge);
  const restoreForeignRules = await guardForeignRules();
  const log = await open(place.log, 'w');
  const child = spawn(
    (await findProgram('dockerd')) ?? 'dockerd',
    [
      `--data-root=${place.data}`,
      `--exec-root=${place.exec}`,
      `--pidfile=${place.pidFile}`,
      `--host=unix://${place.socket}`,
      `--bridge=${place.bridge}`,
      `--containerd-namespace=${place.namespace}`,
      `--containerd-plugins-namespace=${place.namespace}-plugins`,
      `--config-file=${place.settings}`,
      '--log-level=warn',
      ...more,
    ],
    // A session of its own, so that Ctrl-C on the terminal doesn't reach it.
    { detached: true, stdio: ['ignore', log.fd, log.fd], env: environment },
  );
  await log.close();
  let failure;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (status, signal) => (failure = `it ended with ${signal ?? `status ${status}`}`));
  child.unref();
  const limit = Date.now() + startPatienceMs;
  while (!(await answers(place.socket, 1_000))) {
    if (Date.now() > limit) failure ??= `it did not answer within ${startPatienceMs / 1000} s`;
    if (failure) {
      await stopDaemon(place);
      throw new Error(`the container engine could not be started: ${failure}\n${await lastLines(place.log)}`);
    }
    await sleep(100);
  }
  await restoreForeignRules();
}

/** Stops the daemon, and removes its processes, mounts, bridges and rules, and its folder of sockets. */
export async function stopDaemon(place) {
  const bridges = await bridgesOf(place.socket);
  const pid = await runningPid(place);
  if (pid !== undefined) await endProcess(pid, stopPatienceMs);
  await clearAway(place, bridges);
  await rm(place.kept, { force: true });
}

/** What a daemon may leave: its containerd and shims (which a killed daemon doesn't take along), mounts, bridges. */
async function clearAway(place, bridges) {
  for (const pid of await processesWith(`${place.exec}/`)) {
    await endContainer(await commandLine(pid));
    await endProcess(pid, 5_000);
  }
  for (const root of [place.run, place.data]) {
    for (const point of await mountsBelow(root)) await capture('umount', ['--lazy', point]);
  }
  await removeBridges([...new Set([...bridges, place.bridge])]);
  await rm(place.run, { recursive: true, force: true });
  await rm(place.pidFile, { force: true });
}

/** One that has lost its daemon may be about to end, or have ended unreaped, and the next daemon would wait for it. */
async function endContainerd(place) {
  const folder = path.join(place.exec, 'containerd');
  for (const pid of await processesWith(path.join(folder, 'containerd.toml'))) await endProcess(pid, 5_000);
  await rm(path.join(folder, 'containerd.pid'), { force: true });
}

/** A shim's container would outlive the shim. */
async function endContainer(argumentsOfShim) {
  const id = argumentsOfShim[argumentsOfShim.indexOf('-id') + 1];
  if (!argumentsOfShim.includes('-id') || !/^[0-9a-f]{64}$/.test(id)) return;
  for (const pid of await processesInGroup(id)) await endProcess(pid, 0);
}

/** Notes that this process uses the engine. */
export async function addUser(place) {
  await mkdir(place.users, { recursive: true });
  await writeFile(path.join(place.users, String(process.pid)), (await startTime(process.pid)) ?? '');
}

/** Notes that this process no longer uses it; resolves with whether others still do. */
export async function removeUser(place) {
  await rm(path.join(place.users, String(process.pid)), { force: true });
  let others = false;
  for (const pid of await readdir(place.users).catch(() => [])) {
    const file = path.join(place.users, pid);
    const noted = await readFile(file, 'utf8').catch(() => '');
    if (noted !== '' && noted === (await startTime(pid))) others = true;
    else await rm(file, { force: true });
  }
  return others;
}

async function lastLines(file) {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-8).join('\n');
}
