import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { usingFixtures } from '../../../test/support/kernels-fixture.ts';
import { newKernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import type { TaskBody } from './background-tasks.ts';
import { type CommitRequest, Commits, removeUnfinished } from './commits.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-commits-'));
});
afterEach(async () => await rm(root, { recursive: true }));

const asImage: CommitRequest = { subdir: 'user_site', canonical: 'cr.local:5000/p/custom', filename: null, labels: {} };
const asFile: CommitRequest = { ...asImage, canonical: 'kernelet/base:latest', filename: 'a.tar.gz' };

/** A kernel that can be committed; tasks run when the test says so. */
async function node() {
  const one = await fixture();
  const clock = new FakeClock();
  const bodies: TaskBody[] = [];
  const published: string[] = [];
  const commits = new Commits({
    engine: one.dummy,
    kernels: one.kernels.registry,
    tasks: { begin: async (_, body) => `task ${bodies.push(body)}` },
    publishCommitting: async ([kernel]) => void published.push(String(kernel)),
    root,
    clock,
    log: silentLogger,
  });
  const { spec } = await one.kernels.registry.create(specFixture(), never);
  const run = async (): Promise<string | undefined> => await bodies.shift()?.(() => {}, never);
  const images = async () => (await one.dummy.listImages(never)).filter(({ id }) => id !== 'sha256:00');
  return { one, dummy: one.dummy, commits, bodies, published, clock, id: spec.id, run, images };
}

it('makes an image with the labels given and without the container’s own', async () => {
  const { commits, id, run, images } = await node();
  const labels = { 'ai.backend.customized-image.name': 'a "quoted" name\\' };
  expect(await commits.begin(id, { ...asImage, labels })).toBe('task 1');
  await run();
  const [image] = await images();
  expect(image?.references).toEqual(['cr.local:5000/p/custom:latest']);
  expect(image?.labels).toMatchObject({ ...labels, 'ai.backend.kernel-id': '', 'ai.kernelet.proof': '' });
  expect(await readdir(root)).toEqual([]);
});

it('makes a file, whole or not at all, and leaves the kernel’s own image its name', async () => {
  const { commits, id, run, images, dummy } = await node();
  await commits.begin(id, asFile);
  await run();
  expect(gunzipSync(await readFile(join(root, 'user_site', 'a.tar.gz'))).toString()).toMatch(/^archive of sha256:c+1$/);
  expect(await images()).toEqual([]);
  expect((await dummy.inspectImage('kernelet/base:latest', never)).id).toBe('sha256:00');
  await commits.begin(id, asFile);
  await expect(run()).rejects.toThrow('there is a file "a.tar.gz" already');
  await mkdir(join(root, 'user_site', '.b.tar.gz.unfinished'));
  await commits.begin(id, { ...asFile, filename: 'b.tar.gz' });
  await expect(run()).rejects.toThrow('EISDIR');
  expect(await images()).toEqual([]);
});

it('says that it is under way, and fails a second one of the same kernel', async () => {
  const { commits, id, run, dummy, published, clock } = await node();
  using _slow = dummy.fail('commitContainer', { kind: 'hang' });
  expect(commits.isOngoing(id)).toBe(false);
  await commits.begin(id, asImage);
  await commits.begin(id, asImage);
  void run();
  await expect.poll(() => published).toEqual([id]);
  await clock.advance(14_000);
  expect(published).toEqual([id, id, id]);
  expect(commits.isOngoing(id)).toBe(true);
  await expect(run()).rejects.toThrow('is being committed already');
  expect(commits.isOngoing(id)).toBe(true);
});

it('stops saying so when it failed', async () => {
  const { commits, id, run, dummy, clock } = await node();
  using _failing = dummy.fail('commitContainer', { kind: 'error' });
  await commits.begin(id, asImage);
  await expect(run()).rejects.toThrow('planted failure');
  expect([commits.isOngoing(id), clock.pending]).toEqual([false, 0]);
});

it.each(['../x', '/etc', 'a/../b', '', '.hidden', 'a\0b', 'a//b', 'x'.repeat(300)])(
  'refuses the names %j',
  async (name) => {
    const { commits, id, bodies } = await node();
    await expect(commits.begin(id, { ...asFile, subdir: name })).rejects.toThrow('cannot be a folder');
    await expect(commits.begin(id, { ...asFile, filename: name })).rejects.toThrow('cannot be the name');
    expect(bodies).toEqual([]);
  },
);

it('follows no link out of its folder', async () => {
  const { commits, id, run } = await node();
  const elsewhere = await mkdtemp(join(tmpdir(), 'kernelet-elsewhere-'));
  await symlink(elsewhere, join(root, 'user_site'));
  await commits.begin(id, asFile);
  await expect(run()).rejects.toThrow('is a link');
  await mkdir(join(root, 'other'));
  await writeFile(join(elsewhere, 'target'), 'kept');
  await symlink(join(elsewhere, 'target'), join(root, 'other', 'a.tar.gz'));
  await commits.begin(id, { ...asFile, subdir: 'other' });
  await expect(run()).rejects.toThrow('already');
  expect(await readFile(join(elsewhere, 'target'), 'utf8')).toBe('kept');
  await rm(elsewhere, { recursive: true });
});

it('leaves nothing of a process that was killed, and what else is there', async () => {
  await mkdir(join(root, 'user_site', 'deep'), { recursive: true });
  const kept = ['a.tar.gz', '.profile', 'b.unfinished'];
  for (const name of [...kept, '.a.tar.gz.unfinished', 'deep/.b.tar.gz.unfinished']) {
    await writeFile(join(root, 'user_site', name), '');
  }
  await removeUnfinished(root);
  expect((await readdir(join(root, 'user_site'), { recursive: true })).toSorted()).toEqual(
    [...kept, 'deep'].toSorted(),
  );
});

it('knows no kernel that is not here, or has ended', async () => {
  const { commits, id, one } = await node();
  await expect(commits.begin(newKernelId(), asImage)).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  await one.kernels.registry.destroy(id, { reason: 'user-requested', force: true });
  await expect(commits.begin(id, asImage)).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  expect(() => commits.isOngoing(id)).toThrow(expect.objectContaining({ code: 'KERNEL_NOT_FOUND' }));
});
