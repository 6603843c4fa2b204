import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireFileLock, acquireFolderLock, flock, isFileAt } from './file-lock.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process that takes the lock, says so, and then hangs. */
function holder(path: string) {
  const code = `
    const { acquireFileLock } = await import(${JSON.stringify(join(import.meta.dirname, 'file-lock.ts'))});
    globalThis.lock = await acquireFileLock(${JSON.stringify(path)}, 'the state folder');
    console.log('held');
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('acquireFileLock', () => {
  it('refuses while another process holds it and takes it after that process was killed', async () => {
    const path = join(folder, 'lock');
    const child = holder(path);
    try {
      await once(child.stdout, 'data');
      await expect(acquireFileLock(path, 'the state folder')).rejects.toMatchObject({
        code: 'STATE_LOCKED',
        message: `the state folder is in use by the process ${child.pid} (it holds ${path})`,
        context: { pid: child.pid },
      });
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    await using lock = await acquireFileLock(path, 'the state folder');
    expect(lock.path).toBe(path);
  });

  it('refuses within one process too, and is free after disposal', async () => {
    const path = join(folder, 'lock');
    const first = await acquireFileLock(path, 'it');
    await expect(acquireFileLock(path, 'it')).rejects.toMatchObject({ code: 'STATE_LOCKED' });
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await (await acquireFileLock(path, 'it'))[Symbol.asyncDispose]();
  });

  it('names the path when the file cannot be opened', async () => {
    await expect(acquireFileLock(join(folder, 'none', 'lock'), 'it')).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('none/lock (ENOENT)'),
    });
  });

  it('knows a file that was removed, or replaced, after it was opened', async () => {
    const path = join(folder, 'lock');
    await using file = await open(path, 'a+');
    expect(await isFileAt(file.fd, path)).toBe(true);
    await rm(path);
    expect(await isFileAt(file.fd, path)).toBe(false);
    await writeFile(path, '');
    expect(await isFileAt(file.fd, path)).toBe(false);
  });
});

describe('acquireFolderLock', () => {
  it('refuses a second holder also when the file in the folder was removed, and one of an earlier version', async () => {
    const first = await acquireFolderLock(folder, 'the state folder');
    const named = { code: 'STATE_LOCKED', message: expect.stringContaining(`the process ${process.pid}`) };
    await expect(acquireFolderLock(folder, 'the state folder')).rejects.toMatchObject(named);
    await expect(acquireFileLock(join(folder, 'lock'), 'the state folder')).rejects.toMatchObject(named);
    await rm(join(folder, 'lock'));
    await expect(acquireFolderLock(folder, 'the state folder')).rejects.toMatchObject({
      code: 'STATE_LOCKED',
      message: expect.stringContaining('in use by another process'),
    });
    await first[Symbol.asyncDispose]();
    await using earlier = await acquireFileLock(join(folder, 'lock'), 'the state folder');
    expect(earlier.path).toBe(join(folder, 'lock'));
    await expect(acquireFolderLock(folder, 'the state folder')).rejects.toMatchObject(named);
    await earlier[Symbol.asyncDispose]();
    await (await acquireFolderLock(folder, 'the state folder'))[Symbol.asyncDispose]();
  });
});

describe('flock', () => {
  it('locks an open file until its descriptor is closed', async () => {
    const path = join(folder, 'lock');
    const [first, second] = [openSync(path, 'a+'), openSync(path, 'a+')];
    expect(await flock(first)).toBe('locked');
    expect(await flock(second)).toBe('taken');
    closeSync(first);
    expect(await flock(second)).toBe('locked');
    closeSync(second);
  });

  it('says why it cannot', async () => {
    const path = process.env['PATH'];
    const descriptor = openSync(join(folder, 'lock'), 'a+');
    try {
      process.env['PATH'] = folder;
      expect(await flock(descriptor)).toEqual({ failure: 'the program flock of util-linux is missing' });
    } finally {
      process.env['PATH'] = path;
      closeSync(descriptor);
    }
  });
});
