/** An engine that is not the one that has the kernels: another one at the same address, before a start and under a daemon that lives. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EnginePlace, layout, startDaemon, stopDaemon } from '../../scripts/engine/private-engine.mjs';
import { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { uniqueName, within } from '../support/engine.ts';
import { engineCall } from '../support/engine-api.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { containedKernels, eventsOf, eventually, kernelsOf, statusOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const right = (process.env['DOCKER_HOST'] ?? '').replace(/^unix:\/\//, '');
const isRefused = ({ stderr }: { stderr: string }): boolean => stderr.includes('kernelet engine accept');

let other: EnginePlace;
let proxy: FaultProxy;
let node: NodeUnderTest;
beforeAll(async () => {
  other = layout(await mkdtemp(path.join(tmpdir(), 'kernelet-engine-')));
  await startDaemon(other);
  proxy = await FaultProxy.start(right, path.join(tmpdir(), `${uniqueName('kernelet-proxy')}.sock`));
  const configuration = '[kernelet]\nmissing-grace = "1s"\n';
  node = await NodeUnderTest.started({ dockerHost: proxy.dockerHost, configuration });
});
afterAll(async () => {
  await using cleanups = new AsyncDisposableStack();
  if (other) {
    cleanups.defer(() => rm(other.folder, { recursive: true, force: true }));
    cleanups.defer(() => stopDaemon(other));
  }
  if (proxy) cleanups.use(proxy);
  proxy?.redirect(right);
  await node?.[Symbol.asyncDispose]();
});

/** A kernel with something in its memory, and a file in its home. */
async function precious(): Promise<{ id: string; file: string }> {
  const id = await node.create('--lang', 'python');
  await node.run(['exec', id, '-c', 'state = "kept"; open("precious", "w").write("x")']);
  return { id, file: path.join(node.stateDir, 'scratch', id, 'work', 'precious') };
}

const markName = async (): Promise<string> =>
  `kernelet-${(await readFile(path.join(node.stateDir, 'secret'))).toString('hex', 0, 4)}`;

/** What another engine has of anybody. */
async function foundInOther(): Promise<readonly string[]> {
  await using engine = new DockerEngine({ dockerHost: `unix://${other.socket}` });
  const containers = await engine.listContainers({}, within(10_000));
  const networks = await engine.listNetworks({ 'ai.kernelet.network-of': null }, within(10_000));
  const mark = await engine.readMark(await markName(), within(10_000));
  return [...containers.map(({ name }) => name), ...networks.map(({ name }) => name), ...(mark === null ? [] : [mark])];
}

describe('a start against another engine', () => {
  // @promise other-engine, degraded-told
  it('touches nothing and says so, and with the right one everything runs on', async () => {
    const { id, file } = await precious();
    await node.endDaemon('SIGKILL');
    proxy.redirect(other.socket);
    await node.startDaemon(isRefused);
    expect(await statusOf(node)).toMatchObject({
      phase: 'recovering',
      engine: { healthy: false, detail: expect.stringContaining('is not the one that has the kernels of this node') },
    });
    const refused = await node.run(['create', '--lang', 'shell']);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('kernelet engine accept');
    expect(node.daemonErrors).toContain('is not the one that has the kernels of this node');
    // Longer than the grace and a sweep would take.
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    await node.endDaemon('SIGTERM');
    expect(await readFile(file, 'utf8')).toBe('x');
    expect(await foundInOther()).toEqual([]);

    proxy.redirect(right);
    await node.startDaemon();
    expect(await containedKernels(node)).toEqual([id]);
    expect((await node.run(['exec', id, '-c', 'state, open("precious").read()'])).text).toBe("('kept', 'x')\n");
    expect((await eventsOf(node)).filter(({ event }) => event.type === 'kernel-terminated')).toEqual([]);
    await node.run(['rm', id]);
  });

  it('goes on by itself when the right engine is back', async () => {
    const { id } = await precious();
    await node.endDaemon('SIGKILL');
    proxy.redirect(other.socket);
    await node.startDaemon(isRefused);
    proxy.redirect(right);
    await eventually('the kernel is there', async () => ((await kernelsOf(node))[0]?.id === id ? true : null));
    expect((await node.run(['exec', id, '-c', 'state'])).text).toBe("'kept'\n");
    await node.run(['rm', id]);
  });
});

describe('another engine under a daemon that lives', () => {
  // @promise other-engine
  it('has no kernel ended and none made, and those that run are used on', async () => {
    const { id, file } = await precious();
    proxy.redirect(other.socket);
    await eventually('it is noticed', async () =>
      (await statusOf(node)).engine.detail.includes('is not the one') ? true : null,
    );
    expect(await kernelsOf(node)).toMatchObject([{ id, phase: 'running', missingSince: expect.any(Number) }]);
    expect((await node.run(['exec', id, '-c', 'state'])).text).toBe("'kept'\n");
    for (const command of [
      ['create', '--lang', 'shell'],
      ['rm', '-f', id],
      ['restart', id],
    ]) {
      expect((await node.run(command)).stderr).toContain('is not the one that has the kernels of this node');
    }
    await new Promise((resolve) => setTimeout(resolve, 22_000));
    expect(await readFile(file, 'utf8')).toBe('x');
    expect(await foundInOther()).toEqual([]);
    proxy.redirect(right);
    await eventually('it is healthy', async () => ((await statusOf(node)).engine.healthy ? true : null));
    await eventually('the kernel is found', async () =>
      (await kernelsOf(node))[0]?.missingSince === null ? true : null,
    );
    expect((await node.run(['exec', id, '-c', 'state'])).text).toBe("'kept'\n");
    await node.run(['rm', id]);
  });
});

describe('another engine that is accepted', () => {
  it('lets the kernels be missing, and end, and keeps their files', async () => {
    const { id } = await precious();
    const [kernel] = await kernelsOf(node);
    await node.endDaemon('SIGKILL');
    proxy.redirect(other.socket);
    await node.startDaemon(isRefused);
    const accepted = await node.run(['engine', 'accept']);
    expect(accepted).toMatchObject({ status: 0, text: `${proxy.dockerHost}\n` });
    await eventually('the kernel is missing', async () => ((await kernelsOf(node))[0]?.missingSince ? true : null));
    expect((await foundInOther()).at(-1)).toMatch(/^[0-9a-f]{32}$/);
    await eventually('it has ended', async () => ((await kernelsOf(node)).length === 0 ? true : null), 40_000);
    const to = path.join(node.folder, 'found');
    expect((await node.run(['restore', id, '--to', to])).text).toBe(`${to}\n`);
    expect(await readFile(path.join(to, 'precious'), 'utf8')).toBe('x');
    await node.endDaemon('SIGTERM');
    expect(await foundInOther()).toEqual([]);
    await engineCall('DELETE', `/containers/${kernel?.containerId}?force=true`);
    await engineCall('DELETE', `/volumes/${await markName()}`);
    proxy.redirect(right);
    await node.startDaemon();
  });
});
