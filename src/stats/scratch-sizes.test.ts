import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { link, lstat, mkdir, mkdtemp, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../lib/clock.ts';
import { newKernelId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { YieldBudget } from '../lib/yield-budget.ts';
import { measurer, ScratchSizes, walkSize } from './scratch-sizes.ts';

let folder: string;
let elapsed: number;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-sizes-'));
  elapsed = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const { signal } = new AbortController();
const longestRestMs = 1_000;
/** The system's, but for what a test says has passed besides; rests between pieces of work pass at once. */
const clock: Clock = {
  ...systemClock,
  monotonic: () => systemClock.monotonic() + elapsed,
  after(delayMs, callback) {
    if (delayMs > longestRestMs) return systemClock.after(delayMs, callback);
    elapsed += delayMs;
    const rest = setImmediate(callback);
    return { unref: () => rest.unref(), [Symbol.dispose]: () => clearImmediate(rest) };
  },
};
const made = (): ScratchSizes =>
  new ScratchSizes({ folderOf: (id) => path.join(folder, id), countedMs: 5_000, clock, log: silentLogger });
const [one, other] = [newKernelId(), newKernelId()];

it('walks others while one takes long', async () => {
  await mkdir(path.join(folder, one));
  for (let name = 0; name < 3_000; name += 1) await writeFile(path.join(folder, one, `file${name}`), '');
  await mkdir(path.join(folder, other));
  const sizes = made();
  sizes.round([one, other], signal);
  while (sizes.bytesOf(other) === null) await new Promise((resolve) => setImmediate(resolve));
  expect(sizes.bytesOf(other)).toBe(0);
  expect(sizes.bytesOf(one)).toBeNull();
  await sizes.settled();
  expect(sizes.bytesOf(one)).toBe(0);
});

it('walks a folder again when it is due, and forgets those of kernels that are gone', async () => {
  const file = path.join(folder, one, 'file');
  await mkdir(path.dirname(file));
  await writeFile(file, Buffer.alloc(10_000, 1));
  const sizes = made();
  const round = async (...kernels: (typeof one)[]) => {
    sizes.round(kernels, signal);
    await sizes.settled();
    return [sizes.bytesOf(one), sizes.bytesOf(other)];
  };
  expect(sizes.bytesOf(one)).toBeNull();
  expect(await round(one, other)).toEqual([12_288, null]);
  await writeFile(file, Buffer.alloc(20_000, 1));
  expect(await round(one, other)).toEqual([12_288, null]);
  elapsed = 60_000;
  expect(await round(one, other)).toEqual([20_480, null]);
  expect(sizes.minBytesOf(other)).toBeNull();
  expect(await round(other)).toEqual([null, null]);
});

it('takes those that waited longest first when more are due than a round walks', async () => {
  const kernels = Array.from({ length: 25 }, () => newKernelId());
  await Promise.all(kernels.map((id) => mkdir(path.join(folder, id))));
  const sizes = made();
  const known = async (): Promise<number> => {
    sizes.round(kernels, signal);
    await sizes.settled();
    return kernels.filter((id) => sizes.bytesOf(id) !== null).length;
  };
  expect([await known(), await known(), await known()]).toEqual([10, 20, 25]);
});

it('asks for the size of a limited home as often as it is told to, not in each round', async () => {
  const home = path.join(folder, one, 'work');
  await mkdir(home, { recursive: true });
  let looks = 0;
  watched.mountPoint = home;
  watched.afterLook = async (at) => {
    if (at === home) looks += 1;
  };
  try {
    const sizes = made();
    const looked = async (ms: number): Promise<number> => {
      elapsed = ms;
      sizes.round([one], signal);
      await sizes.settled();
      return looks;
    };
    expect([await looked(0), await looked(1_000), await looked(4_000), await looked(5_100)]).toEqual([1, 1, 1, 2]);
    expect(sizes.bytesOf(one)).toBeGreaterThan(0);
  } finally {
    watched.mountPoint = null;
    watched.afterLook = async () => {};
  }
});

it('begins nothing more once it is to end', async () => {
  await mkdir(path.join(folder, one));
  const end = new AbortController();
  const sizes = made();
  sizes.round([one], end.signal);
  end.abort();
  await sizes.settled();
  expect(sizes.bytesOf(one)).toBeNull();
});

/** What a tenant does right after a file of it was looked at, and which folders' names were taken at once. */
const watched = vi.hoisted(() => ({
  afterLook: async (_path: string) => {},
  taken: [] as number[],
  /** Stands for a place at which a file system is mounted. */
  mountPoint: null as string | null,
}));
vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>();
  return {
    ...real,
    lstat: async (path: Buffer) => {
      const found = await real.lstat(path);
      await watched.afterLook(String(path));
      if (String(path) === watched.mountPoint) found.dev += 1;
      return found;
    },
    readdir: async (path: string, options: { encoding: 'buffer' }) => {
      const names = await real.readdir(path, options);
      watched.taken.push(names.length);
      return names;
    },
  };
});

describe('the walk through a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kernelet-walk-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const signal = new AbortController().signal;
  const budget = () => new YieldBudget({ workMs: 10, restMs: 1 });
  const bounds = { maxEntries: 10_000, deepest: 20 };
  const du = (): number =>
    Number(execFileSync('du', ['-s', '-B1', '--one-file-system', folder], { encoding: 'utf8' }).split('\t')[0]);
  /** The folder itself is not counted by the walk. */
  const own = 4096;
  /** More names than are taken at once. */
  const manyNames = Array.from({ length: 700 }, (_, index) => `file${index}${'x'.repeat(90)}`);
  const putAll = (below: string, names: readonly string[]): void => {
    for (const name of names) writeFileSync(path.join(folder, below, name), 'x');
  };

  it('finds what `du` finds: files with holes, links counted once, links not followed', async () => {
    await mkdir(path.join(folder, 'a/b/c'), { recursive: true });
    await writeFile(path.join(folder, 'a/b/c/file'), Buffer.alloc(300_000, 1));
    await link(path.join(folder, 'a/b/c/file'), path.join(folder, 'a/again'));
    await writeFile(path.join(folder, 'a/holes'), 'x');
    await truncate(path.join(folder, 'a/holes'), 50_000_000);
    await symlink('/usr', path.join(folder, 'a/usr'));
    await symlink('/proc/self/fd', path.join(folder, 'fd'));
    const { bytes, complete } = await walkSize(folder, bounds, budget(), signal);
    expect({ bytes: bytes + own, complete }).toEqual({ bytes: du(), complete: true });
  });

  it('finds files and folders whose names are no text', async () => {
    const odd = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]);
    await mkdir(odd);
    await writeFile(Buffer.concat([odd, Buffer.from('/'), Buffer.from([0xc3])]), Buffer.alloc(300_000, 1));
    const { bytes, complete } = await walkSize(folder, bounds, budget(), signal);
    expect({ bytes: bytes + own, complete }).toEqual({ bytes: du(), complete: true });
  });

  it('ends at its bounds with what there is at least', async () => {
    for (let name = 0; name < 50; name += 1) await writeFile(path.join(folder, `file${name}`), 'x');
    const few = await walkSize(folder, { ...bounds, maxEntries: 20 }, budget(), signal);
    expect(few).toEqual({ bytes: 20 * 4096, complete: false });
    await mkdir(path.join(folder, '1/2/3/4/5'), { recursive: true });
    expect(await walkSize(folder, { ...bounds, deepest: 3 }, budget(), signal)).toMatchObject({ complete: false });
  });

  it('leaves out what is too deep when it is told to, and goes on', async () => {
    await mkdir(path.join(folder, '1/2/3/4/5'), { recursive: true });
    await writeFile(path.join(folder, '1/2/file'), 'x');
    await writeFile(path.join(folder, 'z'), 'x');
    const found = await walkSize(folder, { ...bounds, deepest: 3, skipsDeeper: true }, budget(), signal);
    expect(found).toEqual({ bytes: 5 * 4096, complete: true });
  });

  it('leaves no descriptor open, also when it is aborted', async () => {
    await mkdir(path.join(folder, 'a/b/c'), { recursive: true });
    for (let name = 0; name < 500; name += 1) await writeFile(path.join(folder, `a/b/c/file${name}`), 'x');
    const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await open();
    await walkSize(folder, bounds, budget(), signal);
    const end = new AbortController();
    const walk = walkSize(folder, bounds, budget(), end.signal);
    end.abort(new Error('enough'));
    await expect(walk).rejects.toThrow('enough');
    expect(await open()).toBeLessThanOrEqual(before);
  });

  it('finds what is in a folder of more names than are taken at once', async () => {
    putAll('', manyNames);
    expect((await lstat(folder)).size).toBeGreaterThan(32 * 1024);
    expect(await walkSize(folder, bounds, budget(), signal)).toEqual({
      bytes: manyNames.length * 4096,
      complete: true,
    });
  });

  it('takes the names of a large folder singly also when it is put in the place of a small one', async () => {
    await mkdir(path.join(folder, 'walked/one'), { recursive: true });
    await mkdir(path.join(folder, 'large'));
    putAll('large', manyNames);
    watched.taken = [];
    watched.afterLook = async (seen) => {
      if (!seen.endsWith('/one')) return;
      await rename(path.join(folder, 'walked/one'), path.join(folder, 'small'));
      await rename(path.join(folder, 'large'), path.join(folder, 'walked/one'));
    };
    await walkSize(path.join(folder, 'walked'), bounds, budget(), signal);
    watched.afterLook = async () => {};
    expect(watched.taken).toEqual([1]);
  });

  it('takes a deep folder that nobody writes in for as large as what it has seen of it, and gives no part of it up', async () => {
    await mkdir(path.join(folder, 'x/'.repeat(60)), { recursive: true });
    expect(await measurer(systemClock)(folder, signal)).toEqual({ bytes: 48 * 4096, complete: true });
  });
});
