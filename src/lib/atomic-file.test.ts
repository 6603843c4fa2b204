import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeFileDurably, unfinishedFileForm, writeFileAtomic } from './atomic-file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('writeFileAtomic', () => {
  it('makes and replaces a file with exactly the mode asked for', async () => {
    const path = join(folder, 'record.json');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, new TextEncoder().encode('two'), { mode: 0o666 });
    expect(await readFile(path, 'utf8')).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o666);
    expect(await readdir(folder)).toEqual(['record.json']);
  });

  it('never shows a reader anything but a whole content', async () => {
    const path = join(folder, 'record.json');
    const contents = ['a', 'b', 'c'].map((letter) => letter.repeat(300_000));
    await writeFileAtomic(path, contents[0] ?? '');
    let writing = true;
    const writes = (async () => {
      for (const content of contents) await writeFileAtomic(path, content);
      writing = false;
    })();
    while (writing) expect(contents).toContain(await readFile(path, 'utf8'));
    await writes;
  });

  it('names the path and leaves nothing when the folder is missing or the target is a folder', async () => {
    await expect(writeFileAtomic(join(folder, 'none', 'x'), '')).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(join(folder, 'none', 'x')),
    });
    await mkdir(join(folder, 'taken'));
    await writeFile(join(folder, 'taken', 'x'), '');
    await expect(writeFileAtomic(join(folder, 'taken'), 'y')).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    expect(await readdir(folder)).toEqual(['taken']);
  });

  it('says that the state is unusable where nothing can be written', async () => {
    await expect(writeFileAtomic('/dev/full/x', 'y')).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    await expect(writeFileAtomic('/proc/x', 'y')).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  });

  it('gives unfinished files names that a sweep can tell', () => {
    expect(unfinishedFileForm.test('.record.json.0123456789ab.tmp')).toBe(true);
    expect(unfinishedFileForm.test('record.json')).toBe(false);
  });
});

describe('removeFileDurably', () => {
  it('removes a file and takes an absent one, or an absent folder, for removed', async () => {
    const path = join(folder, 'x');
    await writeFile(path, '');
    await removeFileDurably(path);
    await removeFileDurably(path);
    await removeFileDurably(join(folder, 'none', 'x'));
    expect(await readdir(folder)).toEqual([]);
  });
});
