import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packFiles, packFolder } from '../../lib/tar.ts';
import { commitLine } from './worker-process.ts';

let folder: string;
let home: string;
let workers: ChildProcess[] = [];
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kernelet-worker-')));
  home = join(folder, 'home');
  await mkdir(home);
});
afterEach(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  workers = [];
  await rm(folder, { recursive: true, force: true });
});

/** A worker as the runner starts it, but with the ids of the tests. */
const start = (...args: readonly string[]) => startIn([], args);

/** One that sees a folder mounted at another place, which nobody else does. */
const startWithMount = (source: string, target: string, ...args: readonly string[]) =>
  startIn(['unshare', '-m', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"', source, target], args);

function startIn(before: readonly string[], args: readonly string[]) {
  const code = `import(${JSON.stringify(resolve(import.meta.dirname, 'worker.ts'))}).then((m) => m.workFiles(process.argv.slice(1)))`;
  const [operation = '', ...rest] = args;
  const [program = '', ...words] = [...before, process.execPath, '-e', code, '--', operation, home, ...rest];
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  workers.push(child);
  const texts = ['', ''];
  const channel = child.stdio[3] as Duplex;
  for (const [index, stream] of [child.stdout, channel].entries()) {
    stream?.on('data', (chunk: Buffer) => {
      texts[index] += chunk.toString();
    });
    stream?.on('error', () => {});
  }
  const lines = (text = '') =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  const ended = once(child, 'close');
  return { child, channel, ended, told: () => lines(texts[0]), reports: () => lines(texts[1]) };
}

const isRoot = process.getuid?.() === 0;

describe('a removal', () => {
  it.runIf(isRoot)(
    'stops at a volume, though its file system is that of the home, and leaves what is in it',
    async () => {
      const volume = join(folder, 'volume');
      await mkdir(join(home, 'a', 'b', 'mounted'), { recursive: true });
      await mkdir(join(volume, 'deep'), { recursive: true });
      await writeFile(join(volume, 'deep', 'precious'), 'kept');
      const { ended, reports } = startWithMount(volume, join(home, 'a', 'b', 'mounted'), 'remove', 'a', 'recursive');
      await ended;
      const message = '"a/b/mounted" is a volume, which stays with all that is in it';
      expect(reports()).toEqual([{ ok: false, code: 'FILE_ERROR', message }]);
      expect(await readFile(join(volume, 'deep', 'precious'), 'utf8')).toBe('kept');
    },
  );
});

describe('an archive', () => {
  async function unpack(path: string, archive: AsyncIterable<Uint8Array>, isWhole = true): Promise<unknown> {
    return await unpackBy(start('unpack', path), archive, isWhole);
  }
  async function unpackBy(
    { child, channel, ended, reports }: ReturnType<typeof start>,
    archive: AsyncIterable<Uint8Array>,
    isWhole = true,
  ): Promise<unknown> {
    for await (const chunk of archive) child.stdin?.write(chunk);
    if (isWhole) channel.write(commitLine);
    child.stdin?.end();
    if (!isWhole) channel.end();
    // Once it has reported, it waits for the runner to hang up.
    if (isWhole) await expect.poll(reports, { timeout: 15_000 }).toHaveLength(1);
    else await ended;
    return reports()[0];
  }

  it('is put beside what is there, with its modes, and leaves out what leads elsewhere', async () => {
    const source = join(folder, 'source');
    await mkdir(join(source, 'bin'), { recursive: true });
    await writeFile(join(source, 'bin', 'run'), 'new');
    await chmod(join(source, 'bin', 'run'), 0o775);
    await chmod(join(source, 'bin'), 0o700);
    await symlink('bin/run', join(source, 'link'));
    await symlink('/etc/passwd', join(source, 'out'));
    await mkdir(join(home, 'to', 'bin'), { recursive: true });
    await writeFile(join(home, 'to', 'bin', 'run'), 'old');
    await writeFile(join(home, 'to', 'bin', 'kept'), 'kept');
    expect(await unpack('to', packFolder(source))).toMatchObject({
      ok: true,
      result: { files: 1, skippedCount: 1, skipped: [{ name: 'out' }] },
    });
    expect((await readdir(join(home, 'to'))).toSorted()).toEqual(['bin', 'link']);
    expect((await readdir(join(home, 'to', 'bin'))).toSorted()).toEqual(['kept', 'run']);
    expect(await readFile(join(home, 'to', 'link'), 'utf8')).toBe('new');
    expect((await lstat(join(home, 'to', 'bin', 'run'))).mode & 0o777).toBe(0o775);
    expect((await lstat(join(home, 'to', 'bin'))).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['first', 'a', 'z'],
    ['last', 'z', 'a'],
  ])('changes nothing when what does not fit is its %s entry', async (_, odd, fitting) => {
    await mkdir(join(home, odd, 'folder'), { recursive: true });
    await mkdir(join(home, fitting));
    await writeFile(join(home, fitting, 'f'), 'old');
    const archive = packFiles([
      { name: `${fitting}/f`, content: 'new' },
      { name: `${fitting}/new`, content: 'new' },
      { name: `${odd}/folder`, content: 'new' },
    ]);
    expect(await unpack('.', archive)).toMatchObject({ ok: false, code: 'FILE_EXISTS' });
    expect(await readdir(join(home, fitting))).toEqual(['f']);
    expect(await readFile(join(home, fitting, 'f'), 'utf8')).toBe('old');
    expect((await readdir(home)).toSorted()).toEqual(['a', 'z']);
  });

  it.runIf(isRoot)('that would go into a volume as well changes nothing', async () => {
    const volume = join(folder, 'volume');
    await mkdir(volume);
    await mkdir(join(home, 'to', 'mounted'), { recursive: true });
    const archive = packFiles([
      { name: 'a', content: 'new' },
      { name: 'mounted/f', content: 'new' },
    ]);
    const worker = startWithMount(volume, join(home, 'to', 'mounted'), 'unpack', 'to');
    const message = expect.stringContaining('mounted" is a volume: unpack into it by itself');
    expect(await unpackBy(worker, archive)).toMatchObject({ ok: false, code: 'FILE_ERROR', message });
    expect([await readdir(join(home, 'to')), await readdir(volume)]).toEqual([['mounted'], []]);
  });

  it('leaves folders that it has no entries of with their modes', async () => {
    await mkdir(join(home, 'private', 'own'), { recursive: true });
    await chmod(join(home, 'private'), 0o700);
    await chmod(join(home, 'private', 'own'), 0o710);
    expect(await unpack('.', packFiles([{ name: 'private/own/f', content: 'x' }]))).toMatchObject({ ok: true });
    expect((await lstat(join(home, 'private'))).mode & 0o777).toBe(0o700);
    expect((await lstat(join(home, 'private', 'own'))).mode & 0o777).toBe(0o710);
    expect(await readdir(join(home, 'private', 'own'))).toEqual(['f']);
  });

  it('without its commit leaves nothing, nor does one that stands in the way or leads out', async () => {
    const files = () => packFiles([{ name: 'a/f', content: 'x' }]);
    expect(await unpack('new/and/deep', files(), false)).toBeUndefined();
    expect(await readdir(home)).toEqual([]);
    await mkdir(join(home, 'used'));
    expect(await unpack('used/new', files(), false)).toBeUndefined();
    expect(await readdir(home)).toEqual(['used']);
    await rm(join(home, 'used'), { recursive: true });
    await writeFile(join(home, 'a'), '');
    expect(await unpack('.', files())).toMatchObject({ ok: false, code: 'FILE_EXISTS' });
    expect(await unpack('a', files())).toMatchObject({ ok: false, code: 'FILE_EXISTS' });
    await symlink(folder, join(home, 'out'));
    expect(await unpack('out', files())).toMatchObject({ ok: false, code: 'FORBIDDEN_PATH' });
    expect((await readdir(home)).toSorted()).toEqual(['a', 'out']);
    expect((await readdir(folder)).toSorted()).toEqual(['home']);
  });
});

describe('a folder that is watched', () => {
  const watching = { type: 'watching', path: '/w' };

  async function watch(path: string, recursive: boolean) {
    const worker = start('watch', path, recursive ? 'recursive' : '');
    await expect.poll(worker.told, { timeout: 10_000 }).toHaveLength(1);
    const next = async (change: () => Promise<unknown>, ...expected: readonly string[]): Promise<void> => {
      const before = worker.told().length;
      await change();
      const news = () =>
        worker
          .told()
          .slice(before)
          .map((told) => Object.values(told as object).join(' '));
      await expect.poll(news, { timeout: 10_000 }).toEqual(expected);
    };
    return { ...worker, next };
  }

  it('tells what happens to each file, and ends with the folder', async () => {
    await mkdir(join(home, 'w', 'sub'), { recursive: true });
    await writeFile(join(home, 'w', 'old'), '1');
    const { next, told, ended, reports } = await watch('w', false);
    expect([told(), reports()]).toEqual([[{ ...watching, path: join(home, 'w') }], [{ ok: true, result: {} }]]);
    const at = (name: string): string => join(home, 'w', name);
    await next(() => writeFile(at('new'), 'x'), 'created new file');
    await next(() => writeFile(at('old'), '22'), 'written old file');
    await next(() => chmod(at('old'), 0o600), 'attributes old file');
    await next(() => rename(at('new'), at('newer')), 'removed new file', 'created newer file');
    await next(() => symlink('/etc', at('link')), 'created link link');
    await writeFile(at('sub/unseen'), '');
    await next(() => rm(at('sub'), { recursive: true }), 'removed sub folder');
    await rm(join(home, 'w'), { recursive: true });
    await ended;
    expect(told().at(-1)).toEqual({ type: 'removed', path: '.', file: 'folder' });
  });

  it('with those below tells of folders that are new as well', async () => {
    await mkdir(join(home, 'w'));
    const { next } = await watch('w', true);
    const at = (name: string): string => join(home, 'w', name);
    await next(() => mkdir(at('a/b'), { recursive: true }), 'created a folder', 'created a/b folder');
    await next(() => writeFile(at('a/b/c'), ''), 'created a/b/c file');
    const another = async () => {
      await rename(at('a/b'), join(folder, 'away'));
      await mkdir(at('a/b'));
    };
    await next(another, 'removed a/b/c file', 'written a/b folder');
    await next(() => writeFile(at('a/b/d'), ''), 'created a/b/d file');
    await symlink(folder, join(home, 'w', 'link'));
    await next(() => writeFile(join(folder, 'beside'), ''), 'created link link');
    await mkdir(at('.kernelet-upload-0'));
    await writeFile(at('.kernelet-upload-0/f'), '');
    await next(() => rename(at('.kernelet-upload-0/f'), at('whole')), 'created whole file');
  });

  it('says what was too much to tell, also of a folder that is too large from its start', async () => {
    await mkdir(join(home, 'w'));
    const { child, next } = await watch('w', false);
    const meanwhile = async () => {
      child.kill('SIGSTOP');
      await fill(join(home, 'w'), 1500);
      child.kill('SIGCONT');
    };
    await next(meanwhile, 'lost more than 1000 files have changed at once');
    await fill(join(home, 'w'), 10_001);
    const large = start('watch', 'w', '');
    const lost = { type: 'lost', reason: expect.stringContaining('more than 10000 files') };
    await expect.poll(large.told, { timeout: 20_000 }).toEqual([{ ...watching, path: join(home, 'w') }, lost]);
  });

  it.each([
    ['none', 'FILE_NOT_FOUND'],
    ['file', 'FILE_NOT_FOUND'],
    ['out', 'FORBIDDEN_PATH'],
    ['../x', 'FORBIDDEN_PATH'],
  ])('has to be one, within the home: %s is %s', async (path, code) => {
    await writeFile(join(home, 'file'), '');
    await symlink(folder, join(home, 'out'));
    const { ended, reports } = start('watch', path, '');
    await ended;
    expect(reports()).toEqual([expect.objectContaining({ ok: false, code })]);
  });
});

/** Puts empty files into a folder. */
async function fill(into: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => writeFile(join(into, String(index)), '')));
}
