import { createHash } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeFolder } from './manifest.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-manifest-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('the list of a volume has the digest of a file that is read in several pieces', async () => {
  const content = Buffer.alloc(700_000, 'piece');
  await writeFile(join(folder, 'file'), content);
  const { entries } = await describeFolder(folder);
  expect(entries).toMatchObject([
    { path: 'file', size: 700_000, content: createHash('sha256').update(content).digest('hex') },
  ]);
});

it('listing a volume keeps nothing of a large file in memory', async () => {
  await writeFile(join(folder, 'program'), '');
  await truncate(join(folder, 'program'), 100 * 2 ** 20);
  const before = process.memoryUsage().arrayBuffers;
  await describeFolder(folder);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
});
