/** Whether anything of the tour is left: containers and networks of the engine, mounts, processes, scratch folders. */
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What exists now, each thing as one line. */
export type Inventory = ReadonlySet<string>;

function engineList(socketPath: string, what: string): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: what, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const list: unknown = JSON.parse(Buffer.concat(chunks).toString());
        resolve(Array.isArray(list) ? list : []);
      });
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

const idOf = (item: unknown): string =>
  typeof item === 'object' && item !== null && 'Id' in item ? String(item.Id) : JSON.stringify(item);

async function processesMentioning(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (line.includes(text) || environment.includes(`KERNELET_STATE_DIR=${text}`)) found.push(`process ${pid}`);
  }
  return found;
}

export async function inventory(dockerHost: string, stateDir: string): Promise<Inventory> {
  const socket = dockerHost.replace(/^unix:\/\//, '');
  const [containers, networks] = await Promise.all([
    engineList(socket, '/v1.41/containers/json?all=true'),
    engineList(socket, '/v1.41/networks'),
  ]);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(stateDir));
  const scratch = await readdir(path.join(stateDir, 'scratch')).catch(() => []);
  return new Set([
    ...containers.map((item) => `container ${idOf(item)}`),
    ...networks.map((item) => `network ${idOf(item)}`),
    ...mounts.map((line) => `mount ${line}`),
    ...scratch.filter((name) => name !== '.trash').map((name) => `scratch folder ${name}`),
    ...(await processesMentioning(stateDir)),
  ]);
}

/** The engine removes the container of a build that was cancelled when it gets round to it. */
const patienceMs = 10_000;

/** What is here that was not before; waits a moment for what is just going. */
export async function leftovers(dockerHost: string, stateDir: string, before: Inventory): Promise<readonly string[]> {
  const limit = performance.now() + patienceMs;
  for (;;) {
    const left = [...(await inventory(dockerHost, stateDir))].filter((item) => !before.has(item));
    if (left.length === 0 || performance.now() > limit) return left;
    await sleep(100);
  }
}
