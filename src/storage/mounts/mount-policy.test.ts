import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localFiles } from '../../../test/support/foreign-files.ts';
import { allowMounts, checkSource, checkTargets, checkUnmoved } from './mount-policy.ts';

let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'kernelet-mounts-')));
  for (const name of ['data/set', 'state/kernels', 'other']) await mkdir(join(root, name), { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const mount = (source: string, target = '/home/work/data') => ({ source, target, readOnly: true });
const policy = () => ({ allow: [join(root, 'data')], refuse: [join(root, 'state')] });

describe('the mount policy', () => {
  it('allows what lies below an allowed folder, as resolved', async () => {
    await symlink(join(root, 'data', 'set'), join(root, 'data', 'link'));
    await writeFile(join(root, 'data', 'file'), '');
    const allowed = await allowMounts(
      [mount(join(root, 'data', 'link'), '/data/'), mount(join(root, 'data', 'file'), '/file')],
      policy(),
      localFiles,
    );
    expect(allowed).toEqual([mount(join(root, 'data', 'set'), '/data'), mount(join(root, 'data', 'file'), '/file')]);
  });

  it.each([
    ['outside of it', (at: string) => join(at, 'other')],
    ['a sibling that begins alike', (at: string) => `${at}/data2`],
    ['a way out with dots', (at: string) => `${at}/data/../other`],
    ['a link out', (at: string) => `${at}/data/out`],
    ['what does not exist', (at: string) => `${at}/data/none`],
    ['a relative path', () => 'data'],
  ])('refuses %s, naming the key', async (_, path) => {
    await symlink(join(root, 'other'), join(root, 'data', 'out'));
    await mkdir(join(root, 'data2'));
    await expect(allowMounts([mount(path(root))], policy(), localFiles)).rejects.toMatchObject({
      code: 'FORBIDDEN_MOUNT',
      message: expect.stringContaining('kernelet.mount-allow'),
    });
  });

  it.each([
    ['/var/spool/cron', 'folder of the system'],
    ['/var/lib/etcd/member', 'folder of the system'],
    ['/var/lib/kubelet', 'folder of the system'],
    ['/home/ann/.ssh', 'holds keys'],
    ['/data/.ssh/keys', 'holds keys'],
  ])('never allows %s, by which a machine is taken over: %s', (source, why) => {
    expect(() => checkSource(source, { allow: ['/'], refuse: [] })).toThrow(why);
  });

  // @promise mounts
  it('notices a source, or a folder above it, that became a link afterwards', async () => {
    await mkdir(join(root, 'data', 'set', 'deep'));
    const allowed = await allowMounts([mount(join(root, 'data', 'set', 'deep'))], policy(), localFiles);
    await checkUnmoved(allowed, localFiles);
    await rename(join(root, 'data', 'set'), join(root, 'data', 'moved'));
    await expect(checkUnmoved(allowed, localFiles)).rejects.toMatchObject({
      message: expect.stringContaining('ENOENT'),
    });
    await mkdir(join(root, 'other', 'deep'));
    await symlink(join(root, 'other'), join(root, 'data', 'set'));
    await expect(checkUnmoved(allowed, localFiles)).rejects.toMatchObject({
      code: 'FORBIDDEN_MOUNT',
      message: expect.stringContaining(join(root, 'other', 'deep')),
    });
  });

  it('refuses mounts of which one lies in the other', () => {
    expect(() => checkTargets([mount('/a', '/data'), mount('/b', '/data/in')])).toThrow('overlap');
    expect(() => checkTargets([mount('/a', '/data/in'), mount('/b', '/data')])).toThrow('overlap');
    expect(() => checkTargets([mount('/a', '/data'), mount('/b', '/data2')])).not.toThrow();
  });

  it('allows nothing by default, and says which file to edit', async () => {
    const rules = { allow: [], refuse: [], configFile: '/etc/x.toml' };
    await expect(allowMounts([mount(join(root, 'data'))], rules, localFiles)).rejects.toMatchObject({
      code: 'FORBIDDEN_MOUNT',
      message: expect.stringContaining('allows nothing'),
      cure: expect.stringContaining('mount-allow in /etc/x.toml name a folder'),
    });
  });

  it.each([
    '/',
    '/etc',
    '/etc/ssh',
    '/proc/1/root',
    '/sys',
    '/dev/shm',
    '/run/docker.sock',
    '/usr/lib',
    '/var',
    '/home',
    '/root/x',
  ])('always refuses %s', (path) => {
    expect(() => checkSource(path, { allow: ['/'], refuse: [] })).toThrow(
      expect.objectContaining({ code: 'FORBIDDEN_MOUNT' }),
    );
  });

  // @promise mounts
  it('always refuses the state folder, what is in it and what holds it, also through a link', async () => {
    const all = { allow: ['/'], refuse: [join(root, 'state-link')] };
    await symlink(join(root, 'state'), join(root, 'state-link'));
    for (const path of ['state', 'state/kernels', '.', 'state-link']) {
      await expect(allowMounts([mount(join(root, path))], all, localFiles)).rejects.toMatchObject({
        code: 'FORBIDDEN_MOUNT',
      });
    }
    await expect(allowMounts([mount(join(root, 'other'))], all, localFiles)).resolves.toHaveLength(1);
  });

  it.each([
    '/',
    '/opt',
    '/opt/backend.ai',
    '/proc/x',
    '/sys',
    '/dev',
    '/home/config',
    '/home/config/x',
    '/home/work',
    '/home',
    'data',
    '/a/../opt/x',
    '/a,b',
    '/a\nb',
  ])('refuses the target %j', (target) => {
    expect(() => checkTargets([mount('/x', target)])).toThrow(expect.objectContaining({ code: 'FORBIDDEN_MOUNT' }));
  });

  it('refuses two mounts of one target', () => {
    expect(() => checkTargets([mount('/x', '/data'), mount('/y', '/data/')])).toThrow('two mounts');
  });
});
