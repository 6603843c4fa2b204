import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localFiles } from '../../../test/support/foreign-files.ts';
import { KerneletError } from '../../lib/errors.ts';
import { lxcfsMounts } from './lxcfs-mounts.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-views-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, content = 'x'): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true });
  await writeFile(join(root, path), content);
}

it('shows nothing of a machine that has none of the files', async () => {
  expect(await lxcfsMounts(localFiles, root)).toEqual([]);
});

it('leaves out what lies on a file system that hangs', async () => {
  await put('etc/localtime');
  await put('var/lib/lxcfs/proc/meminfo');
  await put('var/lib/lxcfs/proc/uptime');
  const find = async (path: string) => {
    if (path.endsWith('uptime')) throw new KerneletError('FILE_SYSTEM_HUNG', `${path} cannot be used`);
    return await localFiles.find(path);
  };
  expect((await lxcfsMounts({ find }, root)).map(({ target }) => target)).toEqual(['/etc/localtime', '/proc/meminfo']);
});

it('shows the time zone, and of lxcfs what may be mounted and says something, for reading alone', async () => {
  await put('etc/localtime');
  await put('var/lib/lxcfs/proc/meminfo');
  await put('var/lib/lxcfs/proc/uptime', '');
  await put('var/lib/lxcfs/proc/pressure');
  await put('var/lib/lxcfs/sys/devices/system/cpu/online');
  const views = await lxcfsMounts(localFiles, root);
  expect(views.map(({ target }) => target)).toEqual(['/etc/localtime', '/proc/meminfo', '/sys/devices/system/cpu']);
  expect(views.every(({ readOnly, source }) => readOnly && source.startsWith(root))).toBe(true);
});
