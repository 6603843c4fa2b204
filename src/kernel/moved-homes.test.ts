import { spawnSync } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { moveHome } from './kept-kernels.ts';

const [mountProgram, unmountProgram] = ['mount', 'umount'];
const isRoot = process.geteuid?.() === 0;
const never = new AbortController().signal;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-moved-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('moving a home', () => {
  /** A home with a link out of it, and a program that is another’s. */
  async function home(folder: string): Promise<string> {
    const from = join(folder, 'work');
    await mkdir(from, { mode: 0o755 });
    await writeFile(join(from, 'precious'), 'x');
    await symlink('/etc/passwd', join(from, 'link'));
    return from;
  }

  async function isWhole(to: string): Promise<void> {
    expect(await readFile(join(to, 'precious'), 'utf8')).toBe('x');
    expect((await lstat(join(to, 'link'))).isSymbolicLink()).toBe(true);
    expect((await lstat(to)).mode & 0o777).toBe(0o700);
  }

  it('makes it the caller’s own folder, and takes no place that is taken', async () => {
    const from = await home(root);
    await mkdir(join(root, 'taken'));
    await symlink('/nowhere', join(root, 'link'));
    for (const to of ['taken', 'link', 'absent/there']) {
      await expect(moveHome(from, join(root, to), never)).rejects.toMatchObject({ code: 'FILE_ERROR' });
    }
    await moveHome(from, join(root, 'found'), never);
    await isWhole(join(root, 'found'));
    expect(await lstat(from).catch(() => null)).toBeNull();
  });

  it('says why it cannot be moved', async () => {
    const from = await home(root);
    await expect(moveHome(from, join(root, 'x'.repeat(300)), never)).rejects.toMatchObject({
      code: 'FILE_ERROR',
      message: expect.stringMatching(/: ENAMETOOLONG$/),
    });
    await expect(moveHome(join(root, 'absent'), join(root, 'found'), never)).rejects.toMatchObject({
      code: 'FILE_ERROR',
      message: expect.stringMatching(/: ENOENT$/),
    });
    expect(await readdir(root)).toEqual(['work']);
  });

  it.runIf(isRoot)('copies it to another file system, whole or not at all', async () => {
    const other = join(root, 'other');
    await mkdir(other);
    expect(spawnSync(mountProgram, ['-t', 'tmpfs', '-o', 'size=1m', 'none', other]).status).toBe(0);
    try {
      const from = await home(root);
      await moveHome(from, join(other, 'found'), never);
      await isWhole(join(other, 'found'));
      await writeFile(join(from, 'large'), Buffer.alloc(2 ** 21));
      await expect(moveHome(from, join(other, 'second'), never)).rejects.toMatchObject({
        code: 'FILE_ERROR',
        message: expect.stringMatching(/No space left/),
      });
      expect(await readdir(other)).toEqual(['found']);
    } finally {
      spawnSync(unmountProgram, ['--lazy', other]);
    }
  });
});
