// A container engine for the demo, the tests and the benchmarks. One that answers is used; else, on Debian and Ubuntu
// with root, a private one is started, whose images stay for the next time.
//
//   node scripts/engine.mjs start|stop|status      by hand; `start` leaves it running
//
// Plain JavaScript without dependencies: it runs before anything is installed.
import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from './engine/lock.mjs';
import { installPackages, isDebian, missingPackages } from './engine/packages.mjs';
import { answers } from './engine/ping.mjs';
import { addUser, layout, removeUser, runningPid, startDaemon, stopDaemon } from './engine/private-engine.mjs';

const systemSocket = '/var/run/docker.sock';
const defaultFolder = path.resolve(import.meta.dirname, '..', '.cache', 'engine');

/** Socket paths of the engines that may already be there. */
function knownSockets() {
  const host = process.env.DOCKER_HOST ?? '';
  const named = host.startsWith('unix://') ? [host.slice('unix://'.length)] : [];
  return [...named, systemSocket];
}

async function answeringSocket() {
  for (const socket of knownSockets()) if (await answers(socket)) return socket;
  return undefined;
}

/** Why no private engine can be started here, in one sentence; undefined when it can. */
async function obstacle(missing) {
  const advice =
    'install Docker 20.10 or newer and start it, or set DOCKER_HOST to the unix:// socket of one that runs';
  if (process.platform !== 'linux') return `no container engine answers and this is not Linux: ${advice}`;
  if (process.getuid() !== 0) return `no container engine answers and this user is not root: ${advice}`;
  if (missing.length > 0 && !(await isDebian())) {
    return `no container engine answers and this is neither Debian nor Ubuntu: ${advice}`;
  }
  return undefined;
}

/** Installs what is missing. Resolves with the socket of an engine that its installation has started, if any. */
async function install(missing, log) {
  log(`No container engine answers. Installing ${missing.join(', ')} with apt-get (once, about 70 MB).`);
  await installPackages(missing, log);
  return await answeringSocket();
}

async function startPrivate(place, log) {
  if ((await runningPid(place)) !== undefined && (await answers(place.socket))) {
    log('Using the private container engine that is still running.');
    return;
  }
  log(`Starting a private container engine (its data: ${place.data}).`);
  await startDaemon(place);
}

/**
 * Makes sure that an engine answers.
 *
 * @param {{ keep?: boolean, log?: (text: string) => void, folder?: string }} [options] `keep` leaves a private engine
 *   running after `stop`; `folder` holds it (default `.cache/engine` of the project, or KERNELET_ENGINE_DIR).
 * @returns {Promise<{ dockerHost: string, own: boolean, stop(): Promise<void> }>} `stop` may be called twice. It stops a
 *   private engine unless it is to be kept or another task uses it; any other engine is left alone.
 */
export async function ensureEngine({ keep = false, log = () => {}, folder } = {}) {
  const found = await answeringSocket();
  if (found) return foreign(found);
  const missing = await missingPackages();
  const reason = await obstacle(missing);
  if (reason) throw new Error(reason);
  if (missing.length > 0) {
    const started = await install(missing, log);
    if (started) return foreign(started);
  }
  const place = layout(path.resolve(folder ?? process.env.KERNELET_ENGINE_DIR ?? defaultFolder));
  await mkdir(place.folder, { recursive: true });
  await withLock(place.lock, async () => {
    await startPrivate(place, log);
    await addUser(place);
    if (keep) await writeFile(place.kept, '');
  });
  let stopping;
  return {
    dockerHost: `unix://${place.socket}`,
    own: true,
    stop: () => (stopping ??= release(place, log)),
  };
}

const foreign = (socket) => ({ dockerHost: `unix://${socket}`, own: false, stop: async () => {} });

async function release(place, log) {
  await withLock(place.lock, async () => {
    const others = await removeUser(place);
    if (others || (await isKept(place))) return;
    log('Stopping the private container engine.');
    await stopDaemon(place);
  });
}

async function isKept(place) {
  return await access(place.kept).then(
    () => true,
    () => false,
  );
}

async function main(command) {
  const log = (text) => process.stderr.write(`${text}\n`);
  const place = layout(path.resolve(process.env.KERNELET_ENGINE_DIR ?? defaultFolder));
  switch (command) {
    case 'start': {
      const engine = await ensureEngine({ keep: true, log });
      await engine.stop();
      console.log(`DOCKER_HOST=${engine.dockerHost}`);
      return 0;
    }
    case 'stop':
      await mkdir(place.folder, { recursive: true });
      await withLock(place.lock, () => stopDaemon(place));
      return 0;
    case 'status': {
      const pid = await runningPid(place);
      const socket = await answeringSocket();
      console.log(
        pid === undefined ? 'private engine: not running' : `private engine: unix://${place.socket}, pid ${pid}`,
      );
      console.log(socket ? `other engine: unix://${socket}` : 'other engine: none answers');
      return pid !== undefined || socket ? 0 : 1;
    }
    default:
      log('usage: node scripts/engine.mjs start|stop|status');
      return 2;
  }
}

if (process.argv[1] === import.meta.filename) {
  main(process.argv[2]).then(
    (status) => process.exit(status),
    (error) => {
      process.stderr.write(`kernelet: ${error.message}\n`);
      process.exit(1);
    },
  );
}
