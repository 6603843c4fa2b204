import { spawnSync } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { scratchParts } from '../../test/support/scratch-parts.ts';
import { type KernelId, newKernelId } from '../lib/ids.ts';
import type { Measure } from './kept-homes.ts';
import { ScratchFolders } from './scratch.ts';

const [mountProgram, unmountProgram] = ['mount', 'umount'];
const isRoot = process.geteuid?.() === 0;
const hour = 3_600_000;

let root: string;
let clock: FakeClock;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-kept-'));
  clock = new FakeClock();
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const byName: Measure = async (folder) => {
  const [, size = '0', open] = (await readFile(join(folder, 'work', 'size'), 'utf8')).match(/^(\d+)(\+?)$/) ?? [];
  return { bytes: Number(size), complete: open === '' };
};

function open(limits = { keepMs: hour, maxBytes: 100 }, measure = byName): ScratchFolders {
  return new ScratchFolders(join(root, 'scratch'), scratchParts({ clock, limits, measure }));
}

/** Makes a home that says how large it is, and keeps it a minute after the one before. */
async function keep(scratch: ScratchFolders, size: string): Promise<KernelId> {
  await clock.advance(60_000);
  const kernel = newKernelId();
  await scratch.create(kernel, { uid: 1000, gid: 1000 });
  await writeFile(join(scratch.paths(kernel).work, 'size'), size);
  await scratch.keep(kernel, `note of ${kernel}`);
  await scratch.settled();
  return kernel;
}

const kernels = async (scratch: ScratchFolders): Promise<readonly KernelId[]> =>
  (await scratch.kept.list()).map(({ kernel }) => kernel);

// @promise homes-kept
describe('kept homes', () => {
  it('are listed with their note, their size and their time, and free the place of the kernel', async () => {
    await using scratch = open();
    const kernel = await keep(scratch, '40');
    const [home] = await scratch.kept.list();
    const endedAt = clock.now();
    expect(home).toEqual({ name: `${kernel}.${endedAt}`, kernel, endedAt, bytes: 40, until: endedAt + hour });
    expect(home && (await scratch.kept.noteOf(home))).toBe(`note of ${kernel}`);
    expect(await scratch.list()).toEqual([]);
    expect((await lstat(join(root, 'scratch', '.kept'))).mode & 0o777).toBe(0o700);
    await scratch.keep(kernel, 'twice');
    expect(await kernels(scratch)).toEqual([kernel]);
  });

  it('are deleted when their time is over, also after a restart', async () => {
    const first = open();
    const old = await keep(first, '1');
    await clock.advance(hour - 120_000);
    const young = await keep(first, '1');
    expect(await kernels(first)).toEqual([young, old]);
    await first[Symbol.asyncDispose]();
    await clock.advance(60_000);
    await using second = open();
    second.tidy();
    await second.settled();
    expect(await kernels(second)).toEqual([young]);
    expect(await readdir(join(root, 'scratch', '.trash'))).toEqual([]);
  });

  it('take so many bytes in all, the oldest going first', async () => {
    await using scratch = open();
    const [first, second] = [await keep(scratch, '40'), await keep(scratch, '50')];
    expect(await kernels(scratch)).toEqual([second, first]);
    const third = await keep(scratch, '20');
    expect(await kernels(scratch)).toEqual([third, second]);
  });

  it.each(['101', '3+'])('do not go for one that is too much alone, or too much to be counted: %s', async (size) => {
    await using scratch = open();
    const kept = await keep(scratch, '90');
    await keep(scratch, size);
    expect(await kernels(scratch)).toEqual([kept]);
  });

  it('are none where nothing is to be kept', async () => {
    await using scratch = open({ keepMs: 0, maxBytes: 100 });
    await keep(scratch, '1');
    expect(await kernels(scratch)).toEqual([]);
    expect(await readdir(join(root, 'scratch'))).toEqual(['.trash']);
  });

  it('wait for a size that is not known yet, and a process that ends does not', async () => {
    const slow: Measure = (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const scratch = open({ keepMs: hour, maxBytes: 100 }, slow);
    const kernel = newKernelId();
    await scratch.create(kernel, { uid: 1000, gid: 1000 });
    await scratch.keep(kernel, '');
    expect(await scratch.kept.list()).toMatchObject([{ kernel, bytes: null }]);
    await scratch[Symbol.asyncDispose]();
    await using again = open({ keepMs: hour, maxBytes: 100 }, async () => ({ bytes: 7, complete: true }));
    again.tidy();
    await again.settled();
    expect(await again.kept.list()).toMatchObject([{ kernel, bytes: 7 }]);
  });

  it('of which one cannot be measured or noted do not stop the others from being let go', async () => {
    const failing: Measure = async (folder, signal) => {
      const size = await byName(folder, signal);
      if (size.bytes === 66) throw Object.assign(new Error('the disk reports an error'), { code: 'EIO' });
      // In the way of the size.
      if (size.bytes === 77) await mkdir(join(folder, 'private', 'size', 'x'), { recursive: true });
      return size;
    };
    await using scratch = open({ keepMs: hour, maxBytes: 100 }, failing);
    await keep(scratch, '50');
    const [unknown, unwritten] = [await keep(scratch, '66'), await keep(scratch, '77')];
    expect(await kernels(scratch)).toEqual([unwritten, unknown]);
    expect(await scratch.kept.list()).toMatchObject([{ bytes: 77 }, { bytes: null }]);
  });

  it('go while the disk is nearly full, the oldest first, and no more than must', async () => {
    const disk = { free: 50 };
    await using scratch = new ScratchFolders(join(root, 'scratch'), {
      ...scratchParts({ clock, limits: { keepMs: hour, maxBytes: 1_000 }, measure: byName }),
      space: async () => {
        const kept = await readdir(join(root, 'scratch', '.kept'));
        const deleted = await readdir(join(root, 'scratch', '.trash')).catch(() => []);
        return { free: disk.free - 5 * (kept.length + deleted.length), total: 100 };
      },
    });
    await keep(scratch, '1');
    await keep(scratch, '1');
    const [third, fourth] = [await keep(scratch, '1'), await keep(scratch, '1')];
    expect(await kernels(scratch)).toHaveLength(4);
    disk.free = 20;
    scratch.tidy();
    await scratch.settled();
    expect(await kernels(scratch)).toEqual([fourth, third]);
  });

  it('are measured anew after their kernel has come back', async () => {
    await using scratch = open();
    const kernel = await keep(scratch, '40');
    const [home] = await scratch.kept.list();
    const { root: place, work } = scratch.paths(kernel);
    await rename(scratch.kept.pathOf({ name: home?.name ?? '' }), place);
    await writeFile(join(work, 'size'), '90');
    await clock.advance(60_000);
    await scratch.keep(kernel, '');
    await scratch.settled();
    expect(await scratch.kept.list()).toMatchObject([{ kernel, bytes: 90 }]);
  });

  it.runIf(isRoot)('are none on a disk that is full: the one that fills it is deleted at once', async () => {
    await mkdir(join(root, 'scratch'));
    expect(spawnSync(mountProgram, ['-t', 'tmpfs', '-o', 'size=1m', 'none', join(root, 'scratch')]).status).toBe(0);
    try {
      await using scratch = open();
      const kernel = newKernelId();
      await scratch.create(kernel, { uid: 1000, gid: 1000 });
      const { work } = scratch.paths(kernel);
      await expect(writeFile(join(work, 'all'), Buffer.alloc(2 ** 21))).rejects.toMatchObject({ code: 'ENOSPC' });
      await scratch.keep(kernel, 'note');
      await scratch.settled();
      expect(await kernels(scratch)).toEqual([]);
      expect(await scratch.list()).toEqual([]);
      await writeFile(join(root, 'scratch', 'free'), Buffer.alloc(2 ** 19));
    } finally {
      spawnSync(unmountProgram, ['--lazy', join(root, 'scratch')]);
    }
  });

  it.runIf(isRoot)('let mounts go before they are kept', async () => {
    await using scratch = open();
    const kernel = newKernelId();
    await scratch.create(kernel, { uid: 1000, gid: 1000 });
    const { work } = scratch.paths(kernel);
    await writeFile(join(work, 'size'), '1');
    await mkdir(join(work, 'point'));
    expect(spawnSync(mountProgram, ['-t', 'tmpfs', 'none', join(work, 'point')]).status).toBe(0);
    await scratch.keep(kernel, '');
    expect(await kernels(scratch)).toEqual([kernel]);
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(root);
  });
});
