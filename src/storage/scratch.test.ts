import { spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { scratchParts } from '../../test/support/scratch-parts.ts';
import { newKernelId } from '../lib/ids.ts';
import { ScratchFolders, scratchFolder } from './scratch.ts';

let root: string;
let scratch: ScratchFolders;
const owner = { uid: 4321, gid: 8765 };
const mountProgram = 'mount';
const isRoot = process.geteuid?.() === 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-scratch-'));
  await mkdir(join(root, 'scratch'));
  scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
});
afterEach(async () => {
  await scratch[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

describe('scratch folders', () => {
  it('have the modes and owners that the kernel needs, also when made again', async () => {
    const kernel = newKernelId();
    await scratch.create(kernel, owner);
    await scratch.create(kernel, owner);
    const paths = scratch.paths(kernel);
    const modes = await Promise.all(
      [paths.work, paths.config, paths.run, paths.private].map(async (path) => (await lstat(path)).mode & 0o777),
    );
    expect(modes).toEqual([0o755, 0o755, 0o700, 0o700]);
    if (isRoot) expect(await lstat(paths.work)).toMatchObject(owner);
    expect((await scratch.list()).map(({ kernel: id }) => id)).toEqual([kernel]);
  });

  it('are gone at once and deleted later, without following what a tenant has linked', async () => {
    const kernel = newKernelId();
    await scratch.create(kernel, owner);
    const { work } = scratch.paths(kernel);
    const outside = join(root, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'precious'), 'x');
    await symlink(outside, join(work, 'folder'));
    await symlink(join(outside, 'precious'), join(work, 'file'));
    await mkdir(join(work, 'deep', '-rf\n'), { recursive: true, mode: 0o000 });
    await scratch.remove(kernel);
    await scratch.remove(kernel);
    expect(await scratch.list()).toEqual([]);
    await scratch.create(kernel, owner);
    await scratch.settled();
    expect(await readdir(join(root, 'scratch', '.trash'))).toEqual([]);
    expect(await readFile(join(outside, 'precious'), 'utf8')).toBe('x');
  });

  it.runIf(isRoot).each([
    ['the folder', 'scratch'],
    ['a way over a link', 'link/scratch'],
  ])('named by %s let mounts go before they are deleted, so that nothing mounted is', async (_, name) => {
    await symlink(root, join(root, 'link'));
    await using named = new ScratchFolders(join(root, name), scratchParts());
    const kernel = newKernelId();
    await named.create(kernel, owner);
    const point = join(named.paths(kernel).work, 'mounted here');
    const source = join(root, 'source');
    await mkdir(point);
    await mkdir(source);
    await writeFile(join(source, 'precious'), 'x');
    expect(spawnSync(mountProgram, ['--bind', source, point]).status).toBe(0);
    await named.remove(kernel);
    await named.settled();
    expect(await readFile(join(source, 'precious'), 'utf8')).toBe('x');
    expect(await readdir(join(root, 'scratch', '.trash'))).toEqual([]);
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(root);
  });

  it('delete what an earlier process left to be deleted, and list only kernels', async () => {
    await mkdir(join(root, 'scratch', '.trash', 'left'), { recursive: true });
    await mkdir(join(root, 'scratch', 'lost+found'));
    scratch.tidy();
    await scratch.settled();
    expect(await readdir(join(root, 'scratch', '.trash'))).toEqual([]);
    const kernel = newKernelId();
    await scratch.create(kernel, owner);
    await utimes(scratch.paths(kernel).root, 5, 5);
    expect(await scratch.list()).toEqual([{ kernel, changedAt: 5_000 }]);
  });

  it('do not keep a process that ends waiting for a deletion that does not', async () => {
    const clock = new FakeClock();
    const slow = new ScratchFolders(join(root, 'slow'), scratchParts({ clock }));
    const kernel = newKernelId();
    await slow.create(kernel, owner);
    for (let index = 0; index < 200; index += 1)
      await mkdir(join(root, 'slow', '.trash', `${index}`), { recursive: true });
    await slow.remove(kernel);
    const disposed = slow[Symbol.asyncDispose]();
    await clock.advance(5_000);
    await disposed;
    expect(clock.pending).toBe(0);
    expect(await readdir(join(root, 'slow', '.trash'))).not.toEqual([]);
  });

  // @promise closed-files
  it('lie in a folder that is closed to others, when it is made and when it was left open', async () => {
    const closed = new ScratchFolders(join(root, 'closed'), scratchParts());
    await closed.create(newKernelId(), owner);
    expect((await lstat(join(root, 'closed'))).mode & 0o777).toBe(0o700);
    await chmod(join(root, 'closed'), 0o755);
    await closed.prepare();
    expect((await lstat(join(root, 'closed'))).mode & 0o777).toBe(0o700);
    await closed[Symbol.asyncDispose]();
  });

  it('say where they cannot be made', async () => {
    await rm(join(root, 'scratch'), { recursive: true });
    await writeFile(join(root, 'scratch'), '');
    await expect(scratch.create(newKernelId(), owner)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  });

  // @promise closed-files
  it('are refused in a folder that somebody else may have made or write in', async () => {
    const path = join(root, 'scratch');
    const refusal = async (): Promise<string> => String(await scratch.prepare().catch((error: unknown) => error));
    await chmod(path, 0o777);
    expect(await refusal()).toContain('others may write');
    await chmod(path, 0o755);
    await scratch.prepare();
    if (isRoot) {
      await chown(path, 1000, 1000);
      expect(await refusal()).toContain('belongs to user 1000');
    }
    await rename(path, join(root, 'aside'));
    await symlink(join(root, 'aside'), path);
    expect(await refusal()).toContain('is a link');
  });

  it.each(['/proc/kernelet', '/dev/null', '/sys/kernel'])('in %s are refused before a kernel is', async (place) => {
    const refused = new ScratchFolders(join(place, 'scratch'), scratchParts());
    await expect(refused.prepare()).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(place),
    });
    await scratch.prepare();
  });
});

it('gives each agent a scratch folder of its own, also where several are told the same place', () => {
  const one = { scratch: '/real/one/scratch', tag: '00000001' };
  expect(scratchFolder(undefined, '/one', one)).toBe('/real/one/scratch');
  expect(scratchFolder('/one/scratch/', '/one', one)).toBe('/real/one/scratch');
  expect(scratchFolder('/fast', '/one', one)).toBe('/fast/kernelet-00000001');
  expect(scratchFolder('/fast', '/two', { scratch: '/two/scratch', tag: '00000002' })).toBe('/fast/kernelet-00000002');
});
