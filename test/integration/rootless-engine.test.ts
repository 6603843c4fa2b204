/** An engine without root: kernels are had in its own namespaces, with its user's rights and behind walls of their own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { kernelet } from '../support/command.ts';
import { emptyImage, ensurePrograms } from '../support/extra-engine.ts';
import { eventually } from '../support/node-facts.ts';
import { RootlessEngine } from '../support/rootless-engine.ts';

const shell = ['--image', emptyImage, '--lang', 'shell'];
/** Without a cgroup of version 2 that is its user's, such an engine limits nothing. */
const loosened = '[kernelet.loosen]\nno-cpu-limit = true\nno-memory-limit = true\nno-process-limit = true\n';

let engine: RootlessEngine;
beforeAll(async () => {
  await ensurePrograms(
    ['rootlesskit', 'rootlesskit'],
    ['slirp4netns', 'slirp4netns'],
    ['newuidmap', 'uidmap'],
    ['nft', 'nftables'],
  );
  engine = await RootlessEngine.start();
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

async function daemon(configuration: string): Promise<ChildProcess> {
  const file = await engine.configure(configuration);
  const child = await engine.begin('inside', ['serve', '--log-level', 'warn', '--config', file]);
  const said: string[] = [];
  child.stderr?.on('data', (bytes: Buffer) => said.push(bytes.toString()));
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
  });
  await eventually('the daemon is ready', async () => {
    if (child.exitCode !== null) throw new Error(said.join(''));
    return (await engine.run('outside', ['ps'])).status === 0 ? true : null;
  });
  return child;
}

/** The port of somebody who listens in the network of a process until the test is over. */
async function listenIn(pid: string): Promise<string> {
  const server =
    'require("net").createServer((s)=>s.end("reached")).listen(0,"0.0.0.0",function(){console.log(this.address().port)})';
  const child = spawn('nsenter', ['--net', '--target', pid, process.execPath, '-e', server], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const [port] = await once(child.stdout, 'data');
  return String(port).trim();
}

/** What somebody in the network of a process hears there. */
function heardIn(pid: string, host: string, port: string): string {
  const client = `require("net").connect(${port}, "${host}").pipe(process.stdout)`;
  const args = ['--net', '--target', pid, process.execPath, '-e', client];
  return spawnSync('nsenter', args, { encoding: 'utf8', timeout: 10_000 }).stdout;
}

describe('outside of the namespaces of an engine without root', () => {
  it('its user and root alike are refused, and told the way in', async () => {
    const asRoot = {
      environment: { DOCKER_HOST: `unix://${engine.socket}`, KERNELET_STATE_DIR: path.join(engine.folder, 'roots') },
    };
    for (const { status, stderr } of [await engine.run('outside', ['serve']), await kernelet(['serve'], asRoot)]) {
      expect(status).toBe(1);
      expect(stderr).toContain(
        'runs without root, and kernels can be had in its own namespaces alone: as its user, nsenter --user',
      );
    }
  });
});

describe('in the namespaces of an engine without root', () => {
  it('kernels whose limits nobody enforces are refused, unless the operator accepts them', async () => {
    const { status, stderr } = await engine.run('inside', ['serve']);
    expect(status).toBe(1);
    expect(stderr).toContain('cannot limit CPUs, memory, processes of kernels');
    expect(stderr).toContain('kernelet.loosen: no-cpu-limit, no-memory-limit, no-process-limit');
  });

  it('kernels run as nobody of the host, behind a filter in the network of the engine', async () => {
    const child = await daemon(loosened);
    const created = await engine.run('outside', ['create', ...shell]);
    expect(created).toMatchObject({ status: 0, stderr: '' });
    const id = created.text.trim();
    const ran = await engine.run('outside', ['exec', id, '-c', 'echo kept >file; /opt/backend.ai/bin/busybox id -u']);
    expect(ran.text).toBe('1000\n');
    const file = path.join(engine.folder, 'state', 'scratch', id, 'work', 'file');
    expect(await readFile(file, 'utf8')).toBe('kept\n');
    const [, first = ''] = /^kernelet-test:(\d+):/m.exec(await readFile('/etc/subuid', 'utf8')) ?? [];
    // Root of the namespaces is the user, and the range has everybody from 1 on.
    expect((await stat(file)).uid).toBe(Number(first) + 999);
    const pid = (await readFile(path.join(engine.folder, 'docker.pid'), 'utf8')).trim();
    const rules = spawnSync('nsenter', ['--net', '--target', pid, 'nft', 'list', 'tables'], { encoding: 'utf8' });
    expect(rules.stdout).toMatch(/table inet kernelet-/i);
    const address = spawnSync('nsenter', ['--net', '--target', pid, 'ip', '-4', '-o', 'addr', 'show', 'tap0'], {
      encoding: 'utf8',
    });
    const [, host = ''] = /inet ([\d.]+)\//.exec(address.stdout) ?? [];
    expect(host).toMatch(/^[\d.]+$/);
    const port = await listenIn(pid);
    expect(heardIn(pid, host, port)).toBe('reached');
    const reach = `/opt/backend.ai/bin/busybox nc -w 3 ${host} ${port} </dev/null; echo $?`;
    expect((await engine.run('outside', ['exec', id, '-c', reach])).text).toBe('1\n');
    expect((await engine.run('outside', ['restart', id])).status).toBe(0);
    expect((await engine.run('outside', ['exec', id, '-c', 'read -r word <file; echo $word'])).text).toBe('kept\n');
    expect((await engine.run('outside', ['rm', id])).status).toBe(0);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const left = spawnSync('nsenter', ['--net', '--target', pid, 'nft', 'list', 'tables'], { encoding: 'utf8' });
    expect(left.stdout).not.toMatch(/kernelet-/i);
  });
});
