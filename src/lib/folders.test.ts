import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder, removeTree } from './folders.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-folders-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('removeTree', () => {
  it('removes folders that lie deeper than a path can be long', async () => {
    const name = 'd'.repeat(200);
    const dig = `for (let i = 0; i < 60; i++) { fs.mkdirSync('${name}'); process.chdir('${name}'); } fs.writeFileSync('f', '')`;
    expect(spawnSync(process.execPath, ['-e', dig], { cwd: root }).status).toBe(0);
    await removeTree(join(root, name));
    expect(await readdir(root)).toEqual([]);
  });

  it('takes no memory of this process for very many files', async () => {
    const full = join(root, 'full');
    await mkdir(full);
    for (let index = 0; index < 30_000; index += 1) closeSync(openSync(join(full, `${index}`), 'w'));
    const before = process.memoryUsage().rss;
    await removeTree(full);
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 2 ** 20);
    expect(await readdir(root)).toEqual([]);
  });

  it('removes links and not what they lead to, and nothing twice', async () => {
    await mkdir(join(root, 'kept'));
    await writeFile(join(root, 'kept', 'file'), 'x');
    await mkdir(join(root, 'gone'));
    await symlink(join(root, 'kept'), join(root, 'gone', 'link'));
    await removeTree(join(root, 'gone'));
    await removeTree(join(root, 'gone'));
    expect(await readdir(root)).toEqual(['kept']);
    expect((await lstat(join(root, 'kept', 'file'))).size).toBe(1);
  });
});

describe('makeFolder', () => {
  it('makes what is missing, with the mode, and takes what is there, also behind a link', async () => {
    const path = join(root, 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 20 }, () => makeFolder(path, 0o700)));
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    await symlink(join(root, 'a'), join(root, 'link'));
    await makeFolder(join(root, 'link', 'b', 'c'));
    await makeFolder(join(root, 'link'));
  });

  it('ends with the system’s error where nothing can be made', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(makeFolder('/proc/kernelet/deep')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});
