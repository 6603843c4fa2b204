import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPlainPath, placeEmptyFile, placeFile, placeFolder, readFileWithin } from './scratch-files.ts';

let root: string;
let home: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-place-'));
  home = join(root, 'home');
  await mkdir(home);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const isRoot = process.geteuid?.() === 0;
const owner = { uid: 4321, gid: 4322 };
const secret = { mode: 0o600, owner, folderMode: 0o700 };

describe('placing files', () => {
  it('makes the folders on the way, with owner and mode of their own, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await placeFile(home, '.config/tool/rc', 'x=1\n', { mode: 0o644, owner, folderMode: 0o755 });
    } finally {
      process.umask(before);
    }
    expect(await readFile(join(home, '.config/tool/rc'), 'utf8')).toBe('x=1\n');
    for (const [path, mode] of [
      ['.config', 0o755],
      ['.config/tool', 0o755],
      ['.config/tool/rc', 0o644],
    ] as const) {
      const facts = await lstat(join(home, path));
      expect(facts.mode & 0o777).toBe(mode);
      if (isRoot) expect([facts.uid, facts.gid]).toEqual([4321, 4322]);
    }
  });

  it('takes the place of a file or a link, and leaves what the link led to', async () => {
    const precious = join(root, 'precious');
    await writeFile(precious, 'precious');
    await symlink(precious, join(home, 'rc'));
    await placeFile(home, 'rc', 'one', secret);
    await placeFile(home, 'rc', 'two', secret);
    expect(await readFile(join(home, 'rc'), 'utf8')).toBe('two');
    expect(await readFile(precious, 'utf8')).toBe('precious');
  });

  it('goes over no link, into no file, and out of the folder by no name', async () => {
    const outside = join(root, 'outside');
    await mkdir(outside);
    await symlink(outside, join(home, 'link'));
    await writeFile(join(home, 'file'), '');
    for (const path of [
      'link/rc',
      'link/deeper/rc',
      'file/rc',
      '../rc',
      'a/../../rc',
      '/rc',
      'a//rc',
      '.',
      '',
      'a\0b',
    ]) {
      await expect(placeFile(home, path, 'x', secret), path).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
      await expect(placeFolder(home, path === '.' ? '..' : path, secret), path).rejects.toThrow();
    }
    expect(await readdir(outside)).toEqual([]);
    expect((await readdir(root)).toSorted()).toEqual(['home', 'outside']);
  });

  it('makes places for mounts, and leaves what is there', async () => {
    await writeFile(join(home, 'there'), 'content');
    await placeEmptyFile(home, 'there', { mode: 0o644, owner });
    await placeEmptyFile(home, 'new/file', { mode: 0o644, owner });
    await placeFolder(home, 'a/b', { mode: 0o755, owner });
    await placeFolder(home, 'a/b', { mode: 0o700, owner });
    expect(await readFile(join(home, 'there'), 'utf8')).toBe('content');
    expect((await lstat(join(home, 'new/file'))).size).toBe(0);
    expect((await lstat(join(home, 'a/b'))).mode & 0o777).toBe(0o755);
  });

  it('leaves no descriptor open', async () => {
    const count = async () => (await readdir('/proc/self/fd')).length;
    const before = await count();
    await placeFile(home, 'a/b/c', 'x', secret);
    await placeFile(home, 'a/b/c/d', 'x', secret).catch(() => {});
    await placeFolder(home, 'a/x/y', secret);
    expect(await count()).toBe(before);
  });
});

it('knows plain paths', () => {
  expect(['a', '.ssh/id', 'a b/ä'].every(isPlainPath)).toBe(true);
  expect(['', '/a', 'a/', 'a//b', './a', 'a/..', '\0'].some(isPlainPath)).toBe(false);
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-within-'));
  mkdirSync(join(folder, 'a'));
  writeFileSync(join(folder, 'a', 'file'), 'content');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('reads files, and nothing that leads elsewhere or is none', async () => {
  expect(await readFileWithin(folder, 'a/file', 7)).toBe('content');
  symlinkSync('/etc/passwd', join(folder, 'link'));
  symlinkSync('/etc', join(folder, 'way'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const refused: readonly [string, RegExp][] = [
    ['link', /ELOOP/],
    ['way/passwd', /ELOOP|ENOTDIR/],
    ['../file', /no path below/],
    ['/etc/passwd', /no path below/],
    ['pipe', /not a regular file/],
    ['a', /not a regular file|EISDIR/],
    ['none', /ENOENT/],
  ];
  for (const [path, why] of refused) await expect(readFileWithin(folder, path, 100), path).rejects.toThrow(why);
  await expect(readFileWithin(folder, 'a/file', 6)).rejects.toThrow('more than 6 bytes');
});
