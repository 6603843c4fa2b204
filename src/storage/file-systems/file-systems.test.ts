import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { childrenOf } from '../../../test/support/child-processes.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import type { Mount } from '../../lib/mount-table.ts';
import { FileSystems, type FileSystemsParts } from './file-systems.ts';

let root: string;
let mounted: string[];
let files: FileSystems;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'kernelet-foreign-')));
  mounted = [];
});
afterEach(async () => {
  await files[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const mountAt = (mountPoint: string): Mount => ({
  ...{ mountPoint, fileSystem: 'nfs4', source: 'server:/x', options: new Set(), fileSystemOptions: new Set() },
});
/** Folders of the test as file systems of their own; a helper that stands still is one that hangs. */
const open = (parts: Partial<FileSystemsParts> = {}): FileSystems => {
  const readTable = async () => ['/', ...mounted].map(mountAt);
  files = new FileSystems({ clock: systemClock, log: silentLogger, readTable, ...parts });
  return files;
};
async function mount(name: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder);
  await writeFile(join(folder, 'file'), 'content');
  mounted.push(folder);
  return folder;
}
/** Helpers of this process that have not ended. */
const helpers = (): readonly number[] =>
  childrenOf(process.pid).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('file-calls');
    } catch {
      return false;
    }
  });
const helpersOf = async (folder: string): Promise<number[]> => {
  const before = helpers();
  await files.find(folder);
  return helpers().filter((pid) => !before.includes(pid));
};
/** Of this process; helpers are spoken to through them. */
const sockets = (): number =>
  readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
const patient = { timeout: 10_000 };

it('the file system of the root folder is asked without a process, another one by one that is kept', async () => {
  const one = await mount('one');
  open();
  expect(await files.find('/')).toMatchObject({ kind: 'folder' });
  expect(helpers()).toEqual([]);
  expect(await files.find(join(one, 'file'))).toEqual({ path: join(one, 'file'), kind: 'file', size: 7 });
  const kept = helpers();
  expect(kept).toHaveLength(1);
  await expect(files.find(join(one, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await files.read(one, 'file', 7)).toBe('content');
  await expect(files.read(one, 'file', 6)).rejects.toThrow('it has more than 6 bytes');
  await expect(files.read(one, 'none', 6)).rejects.toMatchObject({ code: 'ENOENT' });
  await files.makeFolder(join(one, 'made'));
  await files.makeFolder(join(one, 'made'));
  await expect(files.makeFolder(join(one, 'none/made'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect((await readdir(one)).toSorted()).toEqual(['file', 'made']);
  expect(helpers()).toEqual(kept);
  await files[Symbol.asyncDispose]();
  expect(helpers()).toEqual([]);
});

it('one that hangs is named, to all who wait at once, and answers again', async () => {
  const [dead, healthy] = [await mount('dead'), await mount('healthy')];
  open({ timeoutMs: 3_000, probeMs: 300 });
  const [hanging = 0] = await helpersOf(dead);
  await files.find(healthy);
  const before = sockets();
  process.kill(hanging, 'SIGSTOP');
  const begun = performance.now();
  const waiting = ['file', 'a', 'b'].map((name) => files.find(join(dead, name)).catch((error: unknown) => error));
  expect(await files.find(join(healthy, 'file'))).toMatchObject({ size: 7 });
  for (const [index, error] of (await Promise.all(waiting)).entries()) {
    expect(error).toMatchObject({
      code: 'FILE_SYSTEM_HUNG',
      message: expect.stringMatching(/\/dead\/(file|a|b) cannot be used: the file system at .*\/dead \(nfs4\) has not/),
      context: { path: join(dead, ['file', 'a', 'b'][index] ?? ''), mountPoint: dead },
    });
  }
  expect(performance.now() - begun).toBeLessThan(6_000);
  expect(files.hung).toEqual([{ mountPoint: dead, fileSystem: 'nfs4', since: expect.any(Number) }]);
  const again = performance.now();
  await expect(files.find(dead)).rejects.toMatchObject({ code: 'FILE_SYSTEM_HUNG' });
  expect(performance.now() - again).toBeLessThan(2_000);
  await expect.poll(() => files.hung, patient).toEqual([]);
  expect(await files.find(join(dead, 'file'))).toMatchObject({ size: 7 });
  expect(helpers()).not.toContain(hanging);
  expect(helpers()).toHaveLength(2);
  expect(sockets()).toBe(before);
});

it('one that was unmounted is forgotten', async () => {
  const dead = await mount('dead');
  open({ timeoutMs: 2_000, probeMs: 300 });
  const [hanging = 0] = await helpersOf(dead);
  process.kill(hanging, 'SIGSTOP');
  await expect(files.find(dead)).rejects.toMatchObject({ code: 'FILE_SYSTEM_HUNG' });
  mounted = [];
  await expect.poll(() => files.hung, patient).toEqual([]);
  expect(await files.find(dead)).toMatchObject({ kind: 'folder' });
});

it('the longest idle one gives its process up to another; of those that hang none does', async () => {
  const [first, second, third] = [await mount('first'), await mount('second'), await mount('third')];
  open({ maxHelpers: 2, timeoutMs: 2_000, probeMs: 60_000 });
  const [ofFirst = 0] = await helpersOf(first);
  const [ofSecond = 0] = await helpersOf(second);
  const [ofThird = 0] = await helpersOf(third);
  await expect.poll(helpers, patient).toEqual([ofSecond, ofThird].toSorted((left, right) => left - right));
  expect(helpers()).not.toContain(ofFirst);
  for (const [pid, folder] of [
    [ofSecond, second],
    [ofThird, third],
  ] as const) {
    process.kill(pid, 'SIGSTOP');
    await expect(files.find(folder)).rejects.toMatchObject({ code: 'FILE_SYSTEM_HUNG' });
  }
  await expect(files.find(first)).rejects.toMatchObject({
    code: 'OVERLOADED',
    message: expect.stringContaining(second),
  });
});
