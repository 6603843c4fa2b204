/** What exists on this machine that a node could leave behind, and the assertion that it left nothing. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineCall, engineGet } from './engine-api.ts';

/** One line for each thing. */
export type Inventory = ReadonlySet<string>;

function field(item: unknown, name: string): string {
  if (typeof item !== 'object' || item === null) return '';
  return String(Object.entries(item).find(([key]) => key === name)?.[1] ?? '');
}

/** Lines of both packet filters that name a chain or a table of an agent, or what else is asked for. */
export function firewallRules(word = 'kernelet-'): readonly string[] {
  const listed = [['iptables-save'], ['nft', '--stateless', 'list', 'ruleset']].flatMap(([program = '', ...args]) => {
    const { error, stdout } = spawnSync(program, args, { encoding: 'utf8' });
    if (error) throw error;
    return stdout.split('\n');
  });
  return listed.filter((line) => line.toLowerCase().includes(word));
}

/** Processes of the node itself, and those inside its containers: they have its scratch folders mounted. */
async function processesOf(stateDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'latin1').catch(() => '');
    const own = environment.split('\0').includes(`KERNELET_STATE_DIR=${stateDir}`);
    if (own || mounts.includes(` ${stateDir}/scratch/`)) found.push(`process ${pid}`);
  }
  return found;
}

/** Host ports that kernels are given by default. */
const kernelPorts = { first: 30_000, last: 31_000 };

/** The ports of that range on which something on this machine listens. */
export async function listeningPorts(): Promise<readonly number[]> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const ports = tables.flatMap((table) =>
    [...table.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A /gm)].map((line) =>
      Number.parseInt(line[1] ?? '', 16),
    ),
  );
  return [...new Set(ports)].filter((port) => port >= kernelPorts.first && port <= kernelPorts.last);
}

/** Volumes by which nodes know the engine again. */
async function engineMarks(): Promise<readonly string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: ['ai.kernelet.mark'] }));
  const { text } = await engineCall('GET', `/volumes?filters=${filters}`);
  const reply: unknown = JSON.parse(text);
  const listed = typeof reply === 'object' && reply !== null && 'Volumes' in reply ? reply.Volumes : null;
  return Array.isArray(listed) ? listed.map((item) => field(item, 'Name')) : [];
}

/** Loop devices over files below a folder, and devices that limit what kernels send. */
async function limitDevices(stateDir: string): Promise<string[]> {
  const loops = (await readdir('/sys/block').catch(() => [])).filter((name) => name.startsWith('loop'));
  const files = await Promise.all(
    loops.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')),
  );
  const links = spawnSync('ip', ['-o', 'link', 'show', 'type', 'ifb'], { encoding: 'utf8' });
  if (links.error) throw links.error;
  return [
    ...files.filter((file) => file.startsWith(`${stateDir}/`)).map((file) => `loop device of ${file.trim()}`),
    ...[...links.stdout.matchAll(/^\d+: (kb[0-9a-f]{12}):/gm)].map(([, name]) => `network device ${name}`),
  ];
}

/** What there is of containers, networks, marks, firewall rules, mounts, devices of limits, ports, scratch folders, journal records, processes. */
export async function inventory(stateDir: string): Promise<Inventory> {
  const [containers, networks, marks] = await Promise.all([
    engineGet('/containers/json?all=true'),
    engineGet('/networks'),
    engineMarks(),
  ]);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(stateDir));
  const folder = async (name: string): Promise<string[]> =>
    (await readdir(path.join(stateDir, name)).catch(() => [])).map((entry) => `${name}/${entry}`);
  return new Set([
    ...containers.map((item) => `container ${field(item, 'Names')} ${field(item, 'Id')}`),
    ...networks.map((item) => `network ${field(item, 'Name')} ${field(item, 'Id')}`),
    ...marks.map((name) => `mark ${name}`),
    ...firewallRules().map((line) => `firewall ${line.replace(/\[\d+:\d+\]/, '')}`),
    ...mounts.map((line) => `mount ${line}`),
    ...(await listeningPorts()).map((port) => `port ${port}`),
    ...(await folder('scratch')).filter((name) => name !== 'scratch/.trash' && name !== 'scratch/.kept'),
    ...(await folder('scratch/.trash')),
    ...(await folder('kernels')),
    ...(await folder('instances')),
    ...(await processesOf(stateDir)),
    ...(await limitDevices(stateDir)),
  ]);
}

/** Asserts that nothing new exists but the processes `expected`; what ends by itself gets ten seconds. */
export async function assertNothingLeft(
  before: Inventory,
  stateDir: string,
  expected: readonly number[] = [],
): Promise<void> {
  const known = new Set([...before, ...expected.map((pid) => `process ${pid}`)]);
  let left: string[] = [];
  for (let attempt = 0; attempt < 100; attempt += 1) {
    left = [...(await inventory(stateDir))].filter((item) => !known.has(item));
    if (left.length === 0) return;
    await sleep(100);
  }
  throw new Error(`left behind:\n  ${left.join('\n  ')}`);
}
