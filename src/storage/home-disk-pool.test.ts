import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/log.ts';
import { HomeDiskPool } from './home-disk-pool.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-home-disks-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('what a killed process has left of homes made ahead', () => {
  it.each([
    ['two of them', ['one', 'other']],
    ['nothing but their folder, since a kernel has just been given the last one', []],
  ])('is taken away with its folder: %s', async (_, names) => {
    const folder = join(root, '.homes');
    await mkdir(folder);
    for (const name of names) await mkdir(join(folder, name));
    const discard = (path: string) => rm(path, { recursive: true });
    await using pool = new HomeDiskPool({
      ...{ folder, target: 0, homeBytes: null, discard },
      ...{ clock: systemClock, log: silentLogger },
    });
    pool.tidy();
    await expect.poll(() => readdir(root)).toEqual([]);
  });
});
