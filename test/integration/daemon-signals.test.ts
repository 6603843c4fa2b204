/** Real signals to the built daemon: what each of them does, and with which status it ends. */
import { spawn } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { uniqueName } from '../support/engine.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { startLogged } from '../support/logged-daemon.ts';
import { eventsOf, eventually } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { refused } from '../support/refusal.ts';

const engine = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

describe('SIGHUP', () => {
  // @promise configuration
  it('reads the configuration again: the level counts, other keys are named, a broken file changes nothing', async () => {
    await using node = await NodeUnderTest.make();
    const file = path.join(node.folder, 'agent.toml');
    await writeFile(file, '');
    await using logged = await startLogged(node, file);
    const { daemon, ended, untilLogged, text } = logged;
    const kernel = await node.create('--lang', 'shell');
    await writeFile(file, '[kernelet]\ndefault-cpus = "many"\n[logging]\nlevel = "error"\n');
    daemon.kill('SIGHUP');
    await untilLogged('the configuration is refused');
    await writeFile(file, '[kernelet]\ndefault-cpus = 3\n[logging]\nlevel = "warning"\n');
    daemon.kill('SIGHUP');
    await untilLogged('kernelet.default-cpus has changed');
    expect((await node.run(['exec', kernel, '-c', 'echo here'])).text).toBe('here\n');
    daemon.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    // The level of the file: what is said at the end is below it.
    expect(text()).not.toContain('stopping; kernels go on');
    await node.startDaemon();
    expect((await node.run(['exec', kernel, '-c', 'echo still'])).text).toBe('still\n');
  });

  it('ends a command that is no daemon, as ever', async () => {
    await using node = await NodeUnderTest.started();
    const { child, outcome } = node.start(['events', '--follow']);
    await eventually(
      'the command listens',
      async () => (await readFile(`/proc/${child.pid}/status`, 'utf8').then(listensToHangUp)) || null,
    );
    child.kill('SIGHUP');
    expect((await outcome).status).toBe(129);
  });
});

/** Whether the status of a process says that SIGHUP is caught. */
const listensToHangUp = (status: string): boolean =>
  (Number.parseInt(/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1]?.slice(-8) ?? '0', 16) & 1) === 1;

describe('SIGUSR2', () => {
  it('writes what the daemon is about, without secrets, for its owner alone', async () => {
    await using node = await NodeUnderTest.started();
    const id = await node.create('--lang', 'shell', '--env', 'TOKEN=very-hidden');
    const file = path.join(node.stateDir, 'kernelet-snapshot.json');
    process.kill(node.pid, 'SIGUSR2');
    const text = await eventually('the snapshot is there', async () => await readFile(file, 'utf8').catch(() => null));
    expect(JSON.parse(text)).toMatchObject({
      status: { phase: 'ready', pid: node.pid, kernels: 1 },
      registry: { [id]: { phase: 'running', environ: expect.arrayContaining(['TOKEN']) } },
      allocs: { slots: expect.arrayContaining([expect.objectContaining({ slot: 'cpu' })]) },
      config: { 'kernelet.state-dir': node.stateDir },
      connections: { checks: [{ service: 'container-engine', problem: null }] },
    });
    expect(text).not.toContain('very-hidden');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(node.isServing).toBe(true);
  });

  it('is not SIGUSR1, which opens no debugger', async () => {
    await using node = await NodeUnderTest.started();
    process.kill(node.pid, 'SIGUSR1');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await node.run(['ps', '--json'])).text).toBe('[]\n');
    expect(node.daemonErrors).not.toContain('Debugger');
  });
});

describe('a second SIGINT', () => {
  // @promise stop-in-time
  it('ends a daemon at once that the engine holds up, and the next one clears up', async () => {
    await using proxy = await FaultProxy.start(engine, path.join('/tmp', `${uniqueName('kernelet-proxy')}.sock`));
    await using node = await NodeUnderTest.started({ dockerHost: `unix://${proxy.socketPath}` });
    // The first kernel of an image has its root file system read, in a container that is removed before any is started.
    await node.run(['rm', '-f', await node.create('--lang', 'shell')]);
    using hanging = proxy.plant({
      method: 'POST',
      path: /^\/containers\/.+\/(start|kill|stop)$/,
      fault: { kind: 'hang' },
    });
    using _held = proxy.plant({ method: 'DELETE', path: /^\/containers\//, fault: { kind: 'hang' } });
    const { outcome } = node.start(['create', '--lang', 'shell']);
    await eventually('the start hangs', async () => hanging.hits > 0 || null);
    process.kill(node.pid, 'SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(node.isServing).toBe(true);
    const begun = performance.now();
    await node.endDaemon('SIGINT');
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect((await outcome).status).not.toBe(0);
  });
});

it('a stop ends the kernels of a node that keeps none', async () => {
  await using node = await NodeUnderTest.started({ configuration: '[agent]\ndestroy-kernels-on-shutdown = true\n' });
  const ids = [await node.create('--lang', 'shell'), await node.create('--lang', 'python')];
  await node.endDaemon('SIGTERM');
  await node.startDaemon();
  expect((await node.run(['ps', '--json'])).text).toBe('[]\n');
  const ended = (await eventsOf(node)).flatMap(({ event }) => (event.type === 'kernel-terminated' ? [event] : []));
  expect(ended.map(({ kernelId, reason }) => `${kernelId} ${reason}`).sort()).toEqual(
    ids.map((id) => `${id} agent-termination`).sort(),
  );
});

describe('the PID file', () => {
  it('names the daemon while it lives, refuses a second one, and is taken over from one that was killed', async () => {
    await using node = await NodeUnderTest.make({ configuration: '[agent]\npid-file = "agent.pid"\n' });
    const file = path.join(node.folder, 'agent.pid');
    await node.startDaemon();
    expect(await readFile(file, 'utf8')).toBe(`${node.pid}\n`);
    const config = path.join(node.folder, 'second.toml');
    await writeFile(config, `[agent]\npid-file = "${file}"\n`);
    const environment = {
      KERNELET_STATE_DIR: path.join(node.folder, 's2'),
      KERNELET_SOCKET: path.join(node.folder, 'k2'),
    };
    const refusal = await refused(node, ['serve', '-f', config], { environment });
    expect(refusal).toMatchObject({ code: 'STATE_LOCKED', status: 75, message: expect.stringContaining(file) });
    await node.endDaemon('SIGKILL');
    expect(await readFile(file, 'utf8')).toMatch(/^\d+\n$/);
    await node.startDaemon();
    expect(await readFile(file, 'utf8')).toBe(`${node.pid}\n`);
    await node.endDaemon('SIGTERM');
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('of another program that lives refuses the start', async () => {
    await using node = await NodeUnderTest.make();
    using other = spawn('sleep', ['60']);
    const [config, file] = [path.join(node.folder, 'refused.toml'), path.join(node.folder, 'other.pid')];
    await writeFile(config, `[agent]\npid-file = "${file}"\n`);
    await writeFile(file, `${other.pid}\n`);
    const refusal = await refused(node, ['serve', '-f', config]);
    expect(refusal).toMatchObject({ code: 'STATE_LOCKED', message: expect.stringContaining(String(other.pid)) });
  });
});

it('a configuration that is refused ends the daemon with status 1', async () => {
  await using node = await NodeUnderTest.make();
  const config = path.join(node.folder, 'refused.toml');
  await writeFile(config, '[kernelet]\ndefault-cpus = "many"\n');
  expect(await refused(node, ['serve', '-f', config])).toMatchObject({ code: 'INVALID_CONFIG', status: 1 });
});
