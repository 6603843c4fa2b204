import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../lib/clock.ts';
import { newKernelId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { ScratchSizes } from './scratch-sizes.ts';

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
  new ScratchSizes({ folderOf: (id) => path.join(folder, id), clock, log: silentLogger });
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

it('begins nothing more once it is to end', async () => {
  await mkdir(path.join(folder, one));
  const end = new AbortController();
  const sizes = made();
  sizes.round([one], end.signal);
  end.abort();
  await sizes.settled();
  expect(sizes.bytesOf(one)).toBeNull();
});
