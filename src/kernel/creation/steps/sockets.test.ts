import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { type KernelsFixture, testDevices, usingFixtures } from '../../../../test/support/kernels-fixture.ts';
import { npuPlugin } from '../../../../test/support/npu-plugin.ts';
import { connectTo, received } from '../../../../test/support/unix-client.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import { silentLogger } from '../../../lib/log.ts';
import { KernelSockets } from '../../../network/sockets/kernel-sockets.ts';
import type { KernelSpec } from '../../spec.ts';
import { proxyName, type ServeAgentSocket, socketsStep } from './sockets.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const serveAgentSocket: ServeAgentSocket = (containerId) => (connection) => void connection.end(String(containerId()));

describe('the sockets of a kernel', () => {
  const wanted = { agentSocket: true, socketProxies: ['/nonexistent.sock'] };
  const folderOf = ({ kernels }: KernelsFixture, { id }: KernelSpec): string => kernels.scratch.paths(id).sockets;

  it('are in its container beside libraries of its devices, answer for it, and are there again with the next daemon', async () => {
    const options = {
      devices: testDevices([npuPlugin(['0'], { hooks: ['/bin/sh'] })]),
      parts: { serveAgentSocket },
    };
    const first = await fixture(options);
    const spec = specFixture({ ...wanted, accelerators: [['npu.device', '1']] });
    const { containerId } = await first.kernels.registry.create(spec, never);
    const folder = folderOf(first, spec);
    const { mounts } = first.containerOf(spec.id).spec;
    expect(mounts).toContainEqual({ source: folder, target: '/opt/kernel', readOnly: true });
    // What is mounted there has its place: the container could make none.
    const inside = mounts.flatMap(({ target }) => (target.startsWith('/opt/kernel/') ? basename(target) : []));
    expect(inside).toHaveLength(2);
    expect((await readdir(folder)).sort()).toEqual(['agent.sock', proxyName(0), ...inside].sort());
    expect(await received(await connectTo(join(folder, 'agent.sock')))).toBe(containerId);
    // Nobody answers there.
    expect(await received(await connectTo(join(folder, proxyName(0))))).toBe('');
    await first[Symbol.asyncDispose]();
    await expect(connectTo(join(folder, 'agent.sock'))).rejects.toThrow();

    const second = await fixture({ ...options, folder: first.folder, engine: first.dummy });
    await second.kernels.registry.recover(never);
    expect(await received(await connectTo(join(folder, 'agent.sock')))).toBe(containerId);
    await second.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    expect(await second.leftovers()).toEqual([]);
  });

  // Only a process of its own has a umask to change: where tests run as threads, as under mutation, there is none.
  it.runIf(isMainThread)('can be reached by every user of the kernel, whatever the umask', async () => {
    const one = await fixture({ parts: { serveAgentSocket } });
    const spec = specFixture(wanted);
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    await one.kernels.registry.create(spec, never);
    const folder = folderOf(one, spec);
    const modeOf = async (path: string) => (await lstat(path)).mode & 0o777;
    expect([await modeOf(folder), await modeOf(join(folder, 'agent.sock'))]).toEqual([0o755, 0o666]);
  });

  it('are those alone that the kernel is to have, and that somebody answers on', async () => {
    const [deaf, serving] = [await fixture(), await fixture({ parts: { serveAgentSocket } })];
    const proxied = specFixture({ socketProxies: ['/nonexistent.sock'] });
    for (const [one, spec, names] of [
      [deaf, specFixture(wanted), [proxyName(0)]],
      [serving, proxied, [proxyName(0)]],
      [serving, specFixture({ agentSocket: true }), ['agent.sock']],
    ] as const) {
      await one.kernels.registry.create(spec, never);
      expect((await readdir(folderOf(one, spec))).filter((name) => name.endsWith('.sock'))).toEqual(names);
    }
  });

  it.each([
    ['whose folder cannot be made', '/proc/sockets', new KernelSockets(() => true), '"sockets" in /proc (ENOENT)'],
    [
      'for which there is no room',
      '/tmp',
      { open: () => Promise.reject(new Error('no room')) },
      'in /tmp (Error: no room)',
    ],
  ])('%s cost it its creation, with the reason', async (_, folder, sockets, message) => {
    const step = socketsStep({
      scratch: { paths: () => ({ root: dirname(folder), sockets: folder }) } as never,
      sockets: sockets as KernelSockets,
      ...{ serveAgentSocket, containerOf: () => null, log: silentLogger },
    });
    const record = recordFixture({ spec: specFixture(wanted) });
    const applied = withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => step.apply(record, deadline));
    await expect(applied).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(message),
    });
  });
});
