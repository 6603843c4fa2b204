import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder, moveFile, removeFile, statFile } from './brief-work.ts';

let folder: string;
let home: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kernelet-files-')));
  home = join(folder, 'home');
  await mkdir(join(home, 'a', 'b'), { recursive: true });
  await mkdir(join(folder, 'outside'));
  await writeFile(join(folder, 'outside', 'kept'), 'kept');
  await writeFile(join(home, 'a', 'f'), 'text', { mode: 0o640 });
  await symlink('f', join(home, 'a', 'inside'));
  await symlink(join(folder, 'outside'), join(home, 'a', 'out'));
  await symlink('nowhere', join(home, 'a', 'dangling'));
});
afterEach(() => rm(folder, { recursive: true }));

const system = (code: string) => expect.objectContaining({ code });

describe('looking', () => {
  it('tells of a link itself, or of what is behind it', async () => {
    expect(await statFile(home, 'a/inside', false)).toMatchObject({
      path: join(home, 'a/inside'),
      file: { filename: 'inside', mode: expect.stringMatching(/^l/), target: 'f' },
    });
    const { file } = await statFile(home, 'a/inside', true);
    expect(file).toMatchObject({ filename: 'inside', mode: '-rw-r-----', size: 4, target: null });
    expect(await statFile(home, '.', false)).toMatchObject({ path: home, file: { filename: 'home' } });
  });

  it.each([
    ['../outside/kept', false],
    ['a/out/kept', false],
    ['a/out', true],
  ])('at %s sees nothing outside of the home', async (path, follow) => {
    await expect(statFile(home, path, follow)).rejects.toEqual(system('FORBIDDEN_PATH'));
  });

  it('at what is not there fails with the reason of the system', async () => {
    await expect(statFile(home, 'a/none', false)).rejects.toEqual(system('ENOENT'));
    await expect(statFile(home, 'a/dangling', true)).rejects.toEqual(system('ENOENT'));
    await expect(statFile(home, 'a/f/x', false)).rejects.toEqual(system('ENOTDIR'));
  });
});

describe('making a folder', () => {
  it('makes its parents, and says whether it was missing', async () => {
    expect(await makeFolder(home, 'x/y/z')).toEqual({ created: true });
    expect(await makeFolder(home, 'x/y/z/')).toEqual({ created: false });
    expect(await makeFolder(home, '.')).toEqual({ created: false });
    expect(await readdir(join(home, 'x', 'y'))).toEqual(['z']);
  });

  it('is refused where something else is, and makes nothing behind a link that leads out', async () => {
    await expect(makeFolder(home, 'a/f')).rejects.toEqual(system('FILE_EXISTS'));
    await expect(makeFolder(home, 'a/dangling')).rejects.toEqual(system('FILE_EXISTS'));
    await expect(makeFolder(home, 'a/out/new')).rejects.toEqual(system('FORBIDDEN_PATH'));
    await expect(makeFolder(home, 'a/out')).rejects.toEqual(system('FORBIDDEN_PATH'));
    expect(await readdir(join(folder, 'outside'))).toEqual(['kept']);
  });
});

describe('moving', () => {
  it('replaces a file only when it may', async () => {
    await writeFile(join(home, 'g'), 'other');
    await expect(moveFile(home, 'a/f', 'g', false)).rejects.toEqual(system('FILE_EXISTS'));
    await moveFile(home, 'a/f', 'g', true);
    expect(await readFile(join(home, 'g'), 'utf8')).toBe('text');
    await moveFile(home, 'a/out', 'link', false);
    expect(await readdir(join(folder, 'outside'))).toEqual(['kept']);
  });

  it.each<[from: string, to: string, code: string]>([
    ['a/f', 'a/b/c/d', 'FILE_NOT_FOUND'],
    ['a', 'a/f/x', 'FILE_NOT_FOUND'],
    ['a/none', 'g', 'ENOENT'],
    ['a/f', 'a', 'FILE_EXISTS'],
    ['a', 'a/b/c', 'INVALID_ARGUMENT'],
    ['a/b', 'a/f', 'FILE_EXISTS'],
    ['.', 'g', 'FORBIDDEN_PATH'],
    ['a/f', 'a/out/f', 'FORBIDDEN_PATH'],
    ['a/out/kept', 'g', 'FORBIDDEN_PATH'],
  ])('%s to %s is refused with %s', async (from, to, code) => {
    await expect(moveFile(home, from, to, true)).rejects.toEqual(system(code));
    expect(await readFile(join(home, 'a', 'f'), 'utf8')).toBe('text');
    expect(await readdir(join(folder, 'outside'))).toEqual(['kept']);
  });
});

describe('removing', () => {
  it('takes a folder with all that is in it, and links without what they lead to', async () => {
    expect(await removeFile(home, 'a', true)).toEqual({ removed: 6, complete: true });
    expect(await readdir(home)).toEqual([]);
    expect(await readdir(join(folder, 'outside'))).toEqual(['kept']);
  });

  it('takes a file, a link and an empty folder without being told that there may be more', async () => {
    for (const path of ['a/f', 'a/out', 'a/b']) {
      expect(await removeFile(home, path, false)).toEqual({ removed: 1, complete: true });
    }
    await expect(removeFile(home, 'a', false)).rejects.toThrow('"a" is a folder that is not empty');
    await expect(removeFile(home, '.', true)).rejects.toEqual(system('FORBIDDEN_PATH'));
    await expect(removeFile(home, 'a/none', true)).rejects.toEqual(system('ENOENT'));
  });

  it('says of what is too deep where to remove it', async () => {
    await mkdir(join(home, ...Array<string>(205).fill('d')), { recursive: true });
    await expect(removeFile(home, 'd', true)).rejects.toThrow('"d" has more than 200 levels of folders');
  });
});
