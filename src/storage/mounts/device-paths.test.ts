import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localFiles } from '../../../test/support/foreign-files.ts';
import { allowDevicePaths, type DevicePaths } from './device-paths.ts';

let folder: string;
let library: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-paths-'));
  library = join(folder, 'libnpu.so.1');
  await writeFile(library, '');
  await symlink(library, join(folder, 'libnpu.so'));
  await mkdir(join(folder, 'state'));
  await writeFile(join(folder, 'state/secret'), '');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const nothing: DevicePaths = { nodes: [], hooks: [], mounts: [] };
const allow = (paths: Partial<DevicePaths>, taken: readonly string[] = []) =>
  allowDevicePaths(
    { ...nothing, ...paths },
    taken.map((target) => ({ target })),
    [join(folder, 'state')],
    localFiles,
  );

it('devices bring character devices, libraries, and files to be read, by the paths that links lead to', async () => {
  const mounts = [
    { source: join(folder, 'libnpu.so'), target: '/usr/lib/npu/libnpu.so' },
    { source: '/usr/share', target: '/npu/share' },
  ];
  expect(await allow({ nodes: ['/dev/null'], hooks: [join(folder, 'libnpu.so')], mounts }, ['/data'])).toEqual({
    nodes: ['/dev/null'],
    hooks: [library],
    mounts: [{ ...mounts[0], source: library }, mounts[1]],
  });
});

it.each(['/dev/none', '/dev/shm', '/dev/stdin', '/dev/mem', '/dev/kmsg', '/dev/pts/ptmx', '/etc/passwd'])(
  'no kernel gets the device file %s',
  async (node) => {
    await expect(allow({ nodes: [node] })).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
  },
);

it.each(['/', '/etc/shadow', '/etc', '/root', '/proc/1', '/sys', '/dev', '/usr', '/var/run', '/run', '/nonexistent'])(
  'no kernel is shown %s',
  async (source) => {
    await expect(allow({ mounts: [{ source, target: '/npu' }] })).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
  },
);

it('no kernel is shown what is kernelet’s own, what leads there or lies above, or a socket', async () => {
  const show = (source: string) => allow({ mounts: [{ source, target: '/npu' }] });
  await symlink(join(folder, 'state/secret'), join(folder, 'harmless'));
  for (const path of ['state', 'state/secret', 'harmless', '.']) {
    await expect(show(join(folder, path))).rejects.toThrow('is never shown to a kernel');
  }
  const server = createServer().listen(join(folder, 'socket'));
  await expect(show(join(folder, 'socket'))).rejects.toThrow('is no file');
  server.close();
  await expect(allow({ hooks: ['/usr/share'] })).rejects.toThrow('is no file');
  await mkdir(join(folder, 'other'));
  await writeFile(join(folder, 'other/libnpu.so.1'), '');
  await expect(allow({ hooks: [library, join(folder, 'other/libnpu.so.1')] })).rejects.toThrow('have one name');
});

it.each([
  '/',
  '/home/work',
  '/home/work/x',
  '/home/config/resource.txt',
  '/opt/kernel/run',
  '/opt/backend.ai/bin',
  '/opt',
  '/etc/passwd',
  '/proc/1',
  '/dev/npu',
  '/usr/lib',
  '/usr',
  '/data/x',
  '/data',
])('nothing of a device covers %s', async (target) => {
  const mounts = [{ source: library, target }];
  await expect(allow({ mounts }, ['/data'])).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
});

it('two mounts of devices don’t meet', async () => {
  const mounts = ['/npu', '/npu/x'].map((target) => ({ source: library, target }));
  await expect(allow({ mounts })).rejects.toThrow('overlaps that at /npu');
});
