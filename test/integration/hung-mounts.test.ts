/** A file system that hangs below a mount source: it costs what asks for it its answer in time, and nobody else anything. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { withDeadline } from '../../src/lib/deadline.ts';
import { childrenOf } from '../support/child-processes.ts';
import { HangingFileSystem } from '../support/hanging-file-system.ts';
import { callApi } from '../support/local-api.ts';
import { eventually, statusOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

/** More than this process has threads for files. */
const creations = 24;
/** Far more than it takes; what a file system that hangs held up would take for as long as it does. */
const usualMs = 30_000;
/** The deadline of a path, and what a command takes beside it. */
const hungMs = 25_000;

const inTime = <T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> =>
  withDeadline({ what, timeoutMs }, () => work);

it.each([
  ['takes no request', { takes: false }],
  ['takes requests, for which nobody can be killed', { takes: true }],
])('a file system that %s stops only creations with mounts of it, until it answers again', async (_, how) => {
  await using cleanups = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-mounts-'));
  cleanups.defer(() => rm(folder, { recursive: true }));
  const configuration = `[kernelet]\nmount-allow = ["${folder}"]\n`;
  const node = cleanups.use(await NodeUnderTest.started({ configuration }));
  const hanging = cleanups.use(await HangingFileSystem.mount(path.join(folder, 'server')));
  const healthy = path.join(folder, 'healthy');
  await mkdir(healthy);
  await writeFile(path.join(healthy, 'hello'), 'well\n');
  const create = (...mounts: readonly string[]) =>
    node.run(['create', '--lang', 'shell', ...mounts.flatMap((source) => ['--mount', `${source}:/data:ro`])]);
  const createThere = () => {
    const mounts = [{ source: hanging.data, target: '/data', readOnly: true }];
    return callApi(node.socket, 'POST', '/v1/kernels', { body: { language: 'shell', mounts }, timeoutMs: hungMs });
  };
  const expectSees = async (source: string, text: string): Promise<void> => {
    const { status, stderr, text: id } = await inTime(`a creation with ${source}`, usualMs, create(source));
    expect(status, stderr).toBe(0);
    expect((await node.run(['exec', id.trim(), '-c', 'cat /data/hello'])).text).toBe(text);
    expect((await node.run(['rm', '-f', id.trim()])).status).toBe(0);
  };
  await expectSees(hanging.data, 'hello\n');
  await expectSees(healthy, 'well\n');
  const old = await node.create('--lang', 'shell');
  const user = await node.create('--lang', 'shell', '--mount', `${hanging.data}:/data:ro`);

  hanging.hang(how);
  const begun = performance.now();
  const hung = Promise.all(
    Array.from({ length: creations }, async () => ({
      reply: await createThere(),
      ms: performance.now() - begun,
    })),
  );
  hung.catch(() => {});
  await sleep(1_500);
  const fresh = await inTime('a creation without mounts', usualMs, node.create('--lang', 'shell'));
  await expectSees(healthy, 'well\n');
  const removed = await inTime('a removal', usualMs, node.run(['rm', '-f', old, fresh]));
  expect(removed.status, removed.stderr).toBe(0);
  const text = `${hanging.data} cannot be used: the file system at ${hanging.mountPoint} (fuse) has not answered since`;
  for (const { reply, ms } of await hung) {
    expect(reply).toMatchObject({ status: 503, document: { error: { code: 'FILE_SYSTEM_HUNG' } } });
    expect(reply.text).toContain(text);
    expect(ms).toBeLessThan(hungMs);
  }
  const restarted = await inTime('a restart', usualMs, node.run(['restart', user]));
  expect([restarted.status, restarted.stderr]).toEqual([125, expect.stringContaining(text)]);
  expect((await node.run(['exec', user, '-c', 'echo here'])).text).toBe('here\n');
  expect((await inTime('its removal', usualMs, node.run(['rm', '-f', user]))).status).toBe(0);
  expect((await statusOf(node)).hungFileSystems).toEqual([
    { mountPoint: hanging.mountPoint, fileSystem: 'fuse', since: expect.any(Number) },
  ]);
  expect(node.daemonErrors).toContain('a file system does not answer');
  // Whoever comes later is told at once, and starts nothing that would wait as well.
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const { status, stderr } = await inTime('another creation', usualMs, create(hanging.data));
    expect([status, stderr]).toEqual([expect.any(Number), expect.stringContaining(text)]);
    await sleep(2_000);
    expect(childrenOf(node.pid).length).toBeLessThanOrEqual(3);
  }

  hanging.goOn();
  await eventually('it is well', async () => ((await statusOf(node)).hungFileSystems.length === 0 ? true : null));
  await expectSees(hanging.data, 'hello\n');
  await eventually('its helpers end', async () => (childrenOf(node.pid).length <= 2 ? true : null));
  expect(await statusOf(node)).toMatchObject({ kernels: 0 });
});
