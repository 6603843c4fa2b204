import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import {
  type FixtureOptions,
  type KernelsFixture,
  keepingHomes,
  usingFixtures,
} from '../../test/support/kernels-fixture.ts';
import type { KernelId } from '../lib/ids.ts';
import { encodeRecord } from './record.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

type End = (one: KernelsFixture, id: KernelId) => unknown;

const byItself: End = (one, id) => one.containerOf(id).exit(3);

/** An agent with a kernel that has ended, by itself unless something else is given, and had a file. */
async function ended(options: FixtureOptions = {}, end = byItself): Promise<{ one: KernelsFixture; id: KernelId }> {
  const one = await fixture({ ...options, settings: { ...keepingHomes, ...options.settings } });
  const { registry, scratch } = one.kernels;
  await registry.recover(never);
  const abort = new AbortController();
  const watch = registry.watch(abort.signal);
  const { spec } = await registry.create(specFixture({ name: 'found-again' }), never);
  await writeFile(join(scratch.paths(spec.id).work, 'precious'), 'x');
  await end(one, spec.id);
  await expect.poll(() => registry.list()).toHaveLength(0);
  abort.abort();
  await watch;
  return { one, id: spec.id };
}

const keptIds = async ({ kernels: { scratch, registry } }: KernelsFixture): Promise<readonly KernelId[]> => {
  await scratch.settled();
  return (await registry.kept()).map(({ home }) => home.kernel);
};

const precious = ({ kernels }: KernelsFixture, id: KernelId): Promise<string> =>
  readFile(join(kernels.scratch.paths(id).work, 'precious'), 'utf8');

describe('a kernel whose end nobody asked for', () => {
  it('comes back with its id, its specification and its files', async () => {
    const { one, id } = await ended();
    const { registry } = one.kernels;
    const kept = await registry.keptOf(id.slice(0, 8));
    expect(await registry.keptOf('found-again')).toEqual(kept);
    expect(kept.record?.termination).toMatchObject({ reason: 'self-terminated', exitCode: 3 });
    const record = await registry.restore(kept, never);
    expect(record).toMatchObject({ phase: 'running', spec: kept.record?.spec, termination: null });
    expect(await precious(one, id)).toBe('x');
    expect(await registry.kept()).toEqual([]);
    await expect(registry.restore(kept, never)).rejects.toMatchObject({ code: 'KERNEL_EXISTS' });
    await registry.destroy(id, { reason: 'user-requested', force: true });
    await one.kernels.scratch.settled();
    expect(await registry.kept()).toEqual([]);
  });

  it.each(['fails', 'is given up', 'is cut off'])('keeps its files when its creation %s', async (how) => {
    let breaks = false;
    const abort = new AbortController();
    const { one, id } = await ended({
      ready: async (signal) => {
        if (!breaks) return;
        if (how === 'fails') throw new Error('it does not get ready');
        if (how === 'is given up') abort.abort(new Error('somebody has changed their mind'));
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const { registry, scratch } = one.kernels;
    const kept = await registry.keptOf(id);
    breaks = true;
    const restoring = registry.restore(kept, abort.signal);
    restoring.catch(() => {});
    if (how === 'is cut off') {
      await expect.poll(() => precious(one, id).catch(() => '')).toBe('x');
      await one[Symbol.asyncDispose]();
      const second = await fixture({
        folder: one.folder,
        engine: one.dummy,
        settings: { keptHomes: { keepMs: 1e6, maxBytes: 1e6 } },
      });
      await second.kernels.registry.recover(never);
      const again = await second.kernels.registry.keptOf(id);
      expect(await readFile(join(second.kernels.scratch.kept.pathOf(again.home), 'work', 'precious'), 'utf8')).toBe(
        'x',
      );
      return;
    }
    await expect(restoring).rejects.toThrow();
    await expect.poll(() => registry.list()).toHaveLength(0);
    await scratch.settled();
    const again = await registry.keptOf(id);
    expect(await readFile(join(scratch.kept.pathOf(again.home), 'work', 'precious'), 'utf8')).toBe('x');
    breaks = false;
    await registry.restore(again, never);
    expect(await precious(one, id)).toBe('x');
  });

  it('gives its files alone to a folder, and is kept no more', async () => {
    const { one, id } = await ended();
    const { registry, scratch } = one.kernels;
    const kept = await registry.keptOf(id);
    for (const inside of ['scratch/found', 'else/../scratch/found', 'scratch/.kept//../found']) {
      const moving = registry.moveKept(kept, `${one.state.scratch}/../${inside}`, never);
      await expect(moving).rejects.toMatchObject({ message: expect.stringContaining('folders of kernels lie there') });
    }
    await expect(registry.moveKept(kept, 'found', never)).rejects.toMatchObject({ code: 'FILE_ERROR' });
    const to = join(one.folder, 'found');
    await registry.moveKept(kept, to, never);
    await scratch.settled();
    expect(await readFile(join(to, 'precious'), 'utf8')).toBe('x');
    await expect(registry.keptOf(id)).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  });

  it('comes back no more when its files were moved away meanwhile', async () => {
    const { one, id } = await ended();
    const { registry } = one.kernels;
    const kept = await registry.keptOf(id);
    await registry.moveKept(kept, join(one.folder, 'found'), never);
    await expect(registry.restore(kept, never)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('they are kept no more'),
    });
    await expect(registry.keptOf(specFixture().id)).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  });

  it.each<[string, string | null]>([
    ['what is known is cut off', '{"version":1,'],
    ['what is known is of another kernel', encodeRecord(recordFixture())],
    ['nothing is known', null],
  ])('does not come back where %s: its files alone do', async (_, note) => {
    const { one, id } = await ended();
    const { registry, scratch } = one.kernels;
    const [home] = await scratch.kept.list();
    const path = join(scratch.kept.pathOf({ name: home?.name ?? '' }), 'private', 'end');
    if (note === null) await rm(path);
    else await writeFile(path, note);
    const kept = await registry.keptOf(id);
    expect(kept.record).toBeNull();
    await expect(registry.restore(kept, never)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await registry.moveKept(kept, join(one.folder, 'found'), never);
  });
});

describe('homes', () => {
  const byRequest =
    (reason: string, force = false): End =>
    async ({ kernels }, id) => {
      await kernels.registry.destroy(id, { reason, force });
    };

  // @promise homes-kept
  it.each<[string, boolean, End]>([
    ['ends by itself', true, byItself],
    ['is killed for memory', true, (one, id) => one.containerOf(id).exit(137, { outOfMemory: true })],
    ['is removed by others', true, (one, id) => one.dummy.removeContainer(one.containerOf(id).id, never)],
    ['is removed on request', false, byRequest('user-requested')],
    ['was idle', false, byRequest('idle-timeout')],
    ["is destroyed for a reason of the caller's own", false, byRequest('task-done', true)],
  ])('of a kernel that %s are kept: %s', async (_, isKept, end) => {
    const { one, id } = await ended({}, end);
    const { registry, scratch } = one.kernels;
    expect(await keptIds(one)).toEqual(isKept ? [id] : []);
    if (!isKept) return;
    // A cluster cleans up after an end that has been published.
    await registry.destroy(id, { reason: 'user-requested', force: true });
    await scratch.settled();
    const { home } = await registry.keptOf(id);
    expect(await readFile(join(scratch.kept.pathOf(home), 'work', 'precious'), 'utf8')).toBe('x');
  });

  it('that belong to no record are kept too when they are swept', async () => {
    const one = await fixture({ settings: keepingHomes });
    await one.kernels.registry.recover(never);
    const { id } = specFixture();
    const { root, work } = one.kernels.scratch.paths(id);
    await mkdir(work, { recursive: true });
    await utimes(root, 5, 5);
    await one.kernels.registry.sweep(never);
    expect(await keptIds(one)).toEqual([id]);
  });
});
