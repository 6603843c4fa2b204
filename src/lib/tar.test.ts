import { execFileSync } from 'node:child_process';
import { openAsBlob } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packTar, type TarHeader } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entryComponents, firstFile, linkStaysInside, packFiles, packFolder, unpackInto } from './tar.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-tar-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** An archive with these entries, in this order. */
async function archive(entries: readonly (Partial<TarHeader> & { name: string; text?: string })[]) {
  const bytes = await packTar(
    entries.map(({ text = '', ...header }) => ({ header: { size: Buffer.byteLength(text), ...header }, body: text })),
  );
  return new Response(bytes).body ?? new ReadableStream<Uint8Array>();
}

/** A file on disk as a stream. */
async function streamFile(path: string): Promise<ReadableStream<Uint8Array>> {
  return (await openAsBlob(path)).stream();
}

async function save(stream: ReadableStream<Uint8Array>, path: string): Promise<void> {
  await writeFile(path, new Uint8Array(await new Response(stream).arrayBuffer()));
}

describe('packing and unpacking', () => {
  it('gives back files, folders, modes and links', async () => {
    const from = join(root, 'from');
    await mkdir(join(from, 'sub', 'empty'), { recursive: true });
    await writeFile(join(from, 'run.sh'), '#!/bin/sh\n');
    await chmod(join(from, 'run.sh'), 0o755);
    await writeFile(join(from, 'sub', 'a\nb'), 'x'.repeat(3_000_000));
    await writeFile(join(from, 'ä'.repeat(100)), 'long');
    await symlink('../run.sh', join(from, 'sub', 'link'));
    await writeFile(join(from, 'left-out'), '');
    const stream = packFolder(from, { filter: (path) => path !== 'left-out', owner: { uid: 0, gid: 0 } });
    const result = await unpackInto(stream, join(root, 'to'));
    const folders = new Set(['sub', 'sub/empty']);
    expect(result).toEqual({ files: 3, bytes: 3_000_214 - 200, skipped: [], skippedCount: 0, folders });
    expect((await readdir(join(root, 'to'))).sort()).toEqual(['run.sh', 'sub', 'ä'.repeat(100)]);
    expect((await lstat(join(root, 'to', 'run.sh'))).mode & 0o777).toBe(0o755);
    expect(await readlink(join(root, 'to', 'sub', 'link'))).toBe('../run.sh');
    expect((await lstat(join(root, 'to', 'sub', 'a\nb'))).size).toBe(3_000_000);
    expect(await readdir(join(root, 'to', 'sub', 'empty'))).toEqual([]);
  });

  it('agrees with the tar of the system, both ways', async () => {
    await writeFile(join(root, 'on-disk'), 'from disk');
    const packed = packFiles([
      { name: 'Dockerfile', content: 'FROM scratch\n' },
      { name: 'bin/tool', content: { path: join(root, 'on-disk') }, mode: 0o755 },
    ]);
    await save(packed, join(root, 'ours.tar'));
    expect(execFileSync('tar', ['-tvf', join(root, 'ours.tar')], { encoding: 'utf8' })).toMatch(
      /-rw-r--r-- 0\/0 +13 .* Dockerfile\n-rwxr-xr-x 0\/0 +9 .* bin\/tool\n/,
    );
    execFileSync('tar', ['-cf', join(root, 'theirs.tar'), '-C', root, './on-disk']);
    await unpackInto(await streamFile(join(root, 'theirs.tar')), join(root, 'to'));
    expect(await readFile(join(root, 'to', 'on-disk'), 'utf8')).toBe('from disk');
  });
});

describe('unpacking what a tenant sent', () => {
  it.each(['../out', '/etc/out', 'a/../../out'])('refuses the name %s', async (name) => {
    await expect(unpackInto(await archive([{ name, text: 'x' }]), join(root, 'to'))).rejects.toMatchObject({
      code: 'FORBIDDEN_PATH',
    });
    expect(await readdir(root)).toEqual(['to']);
  });

  it('leaves out links that lead out, devices, and whatever would be written through a link', async () => {
    await mkdir(join(root, 'outside'));
    const stream = await archive([
      { name: 'venv-python', type: 'symlink', linkname: '/usr/bin/python3', size: 0 },
      { name: 'up', type: 'symlink', linkname: '../outside', size: 0 },
      { name: 'here', type: 'symlink', linkname: '.', size: 0 },
      { name: 'here/through', text: 'x' },
      { name: 'null', type: 'character-device', size: 0 },
      { name: 'hard', type: 'link', linkname: 'nowhere', size: 0 },
      { name: 'kept', text: 'yes' },
    ]);
    const result = await unpackInto(stream, join(root, 'to'));
    expect(result.skipped.map((entry) => entry.name)).toEqual(['venv-python', 'up', 'here/through', 'null', 'hard']);
    expect(result.skippedCount).toBe(5);
    expect((await readdir(join(root, 'to'))).sort()).toEqual(['here', 'kept']);
    expect(await readdir(join(root, 'outside'))).toEqual([]);
  });

  // @promise links-stay
  it('that is one folder lets no link lead out of it, be it only beside it, and nothing lie there', async () => {
    const stream = await archive([
      { name: 'sent', type: 'directory', size: 0, mode: 0o750 },
      { name: 'sent/keys', type: 'symlink', linkname: '../.ssh', size: 0 },
      { name: 'sent/deep/in', type: 'symlink', linkname: '../a', size: 0 },
      { name: 'sent/a', text: 'a' },
      { name: 'sent/same', type: 'link', linkname: 'sent/a', size: 0 },
      { name: 'sent/other', type: 'link', linkname: 'beside', size: 0 },
      { name: 'beside', text: 'x' },
      { name: 'sent', type: 'symlink', linkname: 'beside', size: 0 },
    ]);
    const { skipped } = await unpackInto(stream, join(root, 'to'), { isOfOneFolder: true });
    expect(skipped.map(({ name }) => name)).toEqual(['sent/keys', 'sent/other', 'beside', 'sent']);
    expect((await readdir(join(root, 'to'), { recursive: true })).sort()).toEqual(['a', 'deep', 'deep/in', 'same']);
    expect((await lstat(join(root, 'to'))).mode & 0o777).toBe(0o750 & ~process.umask());
    const others: Parameters<typeof archive>[0][] = [
      [],
      [{ name: 'sent', type: 'symlink', linkname: '.ssh', size: 0 }],
      [{ name: 'sent/a', text: 'x' }],
    ];
    for (const entries of others) {
      const unpacking = unpackInto(await archive(entries), join(root, 'other'), { isOfOneFolder: true });
      await expect(unpacking).rejects.toMatchObject({ code: 'FILE_ERROR' });
    }
  });

  it('replaces a link that stands in the way and does not write through it', async () => {
    await writeFile(join(root, 'victim'), 'safe');
    await mkdir(join(root, 'to'));
    await symlink(join(root, 'victim'), join(root, 'to', 'file'));
    await unpackInto(await archive([{ name: 'file', text: 'new' }]), join(root, 'to'));
    expect(await readFile(join(root, 'victim'), 'utf8')).toBe('safe');
    expect(await readFile(join(root, 'to', 'file'), 'utf8')).toBe('new');
  });

  it('drops set-id bits and keeps hard links', async () => {
    const stream = await archive([
      { name: 'd/', type: 'directory', mode: 0o500, size: 0 },
      { name: 'd/su', mode: 0o6755, text: 'x' },
      { name: 'open/', type: 'directory', mode: 0o777, size: 0 },
      { name: 'open/f', mode: 0o666, text: 'x' },
      { name: 'same', type: 'link', linkname: 'd/su', size: 0 },
    ]);
    await unpackInto(stream, join(root, 'to'));
    const [first, second] = [await lstat(join(root, 'to', 'd', 'su')), await lstat(join(root, 'to', 'same'))];
    expect([first.mode & 0o7777, first.ino === second.ino]).toEqual([0o755, true]);
    expect((await lstat(join(root, 'to', 'd'))).mode & 0o777).toBe(0o700);
    // No more than the umask lets others do.
    const modes = ['open', 'open/f'].map(async (name) => (await lstat(join(root, 'to', name))).mode & 0o777);
    expect(await Promise.all(modes)).toEqual([0o777, 0o666].map((mode) => mode & ~process.umask()));
  });

  it('keeps the first of two names that are not UTF-8 and look alike, and reports the other', async () => {
    await mkdir(join(root, 'from'));
    for (const byte of [0xf0, 0xf1]) {
      await writeFile(Buffer.concat([Buffer.from(join(root, 'from/')), Buffer.from([byte, 0x61])]), String(byte));
    }
    execFileSync('tar', ['-cf', join(root, 'odd.tar'), '--sort=name', '-C', join(root, 'from'), '.']);
    const result = await unpackInto(await streamFile(join(root, 'odd.tar')), join(root, 'to'));
    expect(result).toMatchObject({ files: 1, skippedCount: 1 });
    expect(await readFile(join(root, 'to', '\uFFFDa'), 'utf8')).toBe('240');
  });

  it('reports a damaged or cut archive', async () => {
    const garbage = new Response('x'.repeat(2000)).body ?? new ReadableStream<Uint8Array>();
    await expect(unpackInto(garbage, join(root, 'to'))).rejects.toMatchObject({ code: 'FILE_ERROR' });
    const whole = new Uint8Array(
      await new Response(await archive([{ name: 'a', text: 'y'.repeat(9000) }])).arrayBuffer(),
    );
    const cut = new Response(whole.slice(0, 5000)).body ?? new ReadableStream<Uint8Array>();
    await expect(unpackInto(cut, join(root, 'to'))).rejects.toMatchObject({ code: 'FILE_ERROR' });
  });

  it('stops when the signal aborts', async () => {
    const controller = new AbortController();
    const endless = new ReadableStream<Uint8Array>({ start: () => controller.abort(new Error('enough')) });
    await expect(unpackInto(endless, join(root, 'to'), { signal: controller.signal })).rejects.toThrow('enough');
    const later = new AbortController();
    const waiting = unpackInto(new ReadableStream<Uint8Array>(), join(root, 'to'), { signal: later.signal });
    later.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('the first file of an archive', () => {
  const text = 'x'.repeat(5000);

  it('is read alone, unless it is too large or no file', async () => {
    const packed = () =>
      packFiles([
        { name: 'a', content: text },
        { name: 'b', content: 'more' },
      ]);
    expect(Buffer.from((await firstFile(packed(), 5000)) ?? '').toString()).toBe(text);
    expect(await firstFile(packed(), 4999)).toBeNull();
    expect(await firstFile(packFiles([]), 9)).toBeNull();
    await symlink('elsewhere', join(root, 'link'));
    expect(await firstFile(packFolder(root, { filter: (path) => path === 'link' }), 9)).toBeNull();
  });

  it('that is damaged or cut is an error', async () => {
    await expect(firstFile(ReadableStream.from([Buffer.alloc(600, 7)]), 9)).rejects.toMatchObject({
      code: 'FILE_ERROR',
    });
    const whole = await new Response(packFiles([{ name: 'a', content: text }])).bytes();
    const cut = whole.subarray(0, 2000);
    await expect(firstFile(ReadableStream.from([cut]), 5000)).rejects.toMatchObject({ code: 'FILE_ERROR' });
  });
});

describe('names and links of an archive', () => {
  it('splits honest names', () => {
    expect(entryComponents('./a//b/')).toEqual(['a', 'b']);
    expect(entryComponents('.')).toEqual([]);
    expect(entryComponents('..a/-rf/b..')).toEqual(['..a', '-rf', 'b..']);
  });

  it.each(['/etc/passwd', '..', 'a/../b', '../x', 'a\0b'])('refuses the name %j', (name) => {
    expect(() => entryComponents(name)).toThrow('which lies outside of it');
  });

  it('tells links that stay inside from those that leave', () => {
    const inside = (entry: string, target: string) => linkStaysInside(entry.split('/'), target);
    expect(inside('a', 'b')).toBe(true);
    expect(inside('a/b', '../c')).toBe(true);
    expect(inside('a/b', './x/y')).toBe(true);
    expect(inside('a', '../c')).toBe(false);
    expect(inside('a/b', '../../c')).toBe(false);
    expect(inside('a', '/etc/passwd')).toBe(false);
    expect(inside('a/b', 'c/../../..')).toBe(false);
    expect(inside('a', '')).toBe(false);
  });
});
