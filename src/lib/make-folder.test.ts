import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from './make-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

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
