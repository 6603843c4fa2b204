/**
 * The work on the tenant's files: a short-lived process with the tenant's ids, so that it can do nothing that the
 * tenant could not do, whatever links lie in its way. It is this program started again as `file-worker`.
 */
import { spawn } from 'node:child_process';
import { constants, createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { posix } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { SentFileEntry } from '../../protocol/kernel-files.ts';
import { volumePaths } from '../volume-paths.ts';
import { makeFolder, moveFile, removeFile, statFile } from './brief-work.ts';
import { entryOf } from './entry.ts';
import { deepestPresent, realBelow, unfinishedName } from './paths.ts';
import { committed, failure, report } from './reports.ts';
import { homePath } from './worker-process.ts';

/** Bytes of entries after which a list goes on in another reply. */
const maxListBytes = 384 * 1024;

/** Does what the arguments say and ends the process. */
export async function workFiles(args: readonly string[]): Promise<void> {
  const [, , path = ''] = args;
  try {
    await work(args);
  } catch (error) {
    report(failure(error, path));
    process.exitCode = 1;
  }
}

async function work([operation, home = '/', path = '', option = '', more = '']: readonly string[]): Promise<void> {
  const tell = (result: object): void => report({ ok: true, result: { ...result } });
  switch (operation) {
    case 'list':
      return tell(await list(home, path, Number(option)));
    case 'stat':
      return tell(await statFile(home, path, option !== ''));
    case 'make-folder':
      return tell(await makeFolder(home, path));
    case 'move':
      await moveFile(home, path, option, more !== '');
      return tell({});
    case 'remove':
      return tell(await removeFile(home, path, option !== ''));
    // What only one of them needs is loaded there alone.
    case 'watch':
      return (await import('./watch.ts')).watchFolder(home, path, option !== '');
    case 'unpack':
      return (await import('./unpack.ts')).unpackArchive(home, path);
    case 'upload':
      return path.endsWith('/') ? uploadFolder(home, path) : upload(home, path, option === '' ? null : Number(option));
    default:
      return download(home, path);
  }
}

async function list(
  home: string,
  path: string,
  from: number,
): Promise<{ files: readonly SentFileEntry[]; path: string; next: number | null }> {
  const folder = homePath(path, home);
  const real = await realBelow(folder, home);
  if (!(await lstat(real)).isDirectory()) {
    throw new KerneletError('FILE_ERROR', `${JSON.stringify(path.slice(0, 300))} is not a folder`);
  }
  const names = await readdir(real, { encoding: 'buffer' });
  names.sort(Buffer.compare);
  const files: SentFileEntry[] = [];
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    if (index < from) continue;
    if (bytes > maxListBytes) return { files, path: folder, next: index };
    try {
      const place = Buffer.concat([Buffer.from(`${real}/`), name]);
      const entry = await entryOf(name, await lstat(place), place);
      files.push(entry);
      bytes += Buffer.byteLength(JSON.stringify(entry));
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }
  return { files, path: folder, next: null };
}

/** What comes on standard input is written beside the target and put in its place when the runner says `commit`. */
async function upload(home: string, path: string, mode: number | null): Promise<void> {
  const { target, present } = await uploadTarget(homePath(path, home), home);
  const unfinished = posix.join(posix.dirname(target), unfinishedName());
  let bytes = 0;
  try {
    {
      await using file = await open(unfinished, 'wx', 0o600);
      for await (const piece of process.stdin) {
        const chunk: Buffer = piece;
        bytes += chunk.length;
        await file.writeFile(chunk);
      }
    }
    if (!(await committed())) return await rm(unfinished, { force: true });
    await chmod(unfinished, mode ?? present ?? 0o644);
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  report({ ok: true, result: { bytes } });
}

/** An upload without content whose path ends with a slash: the folder is there afterwards, with its parents. */
async function uploadFolder(home: string, path: string): Promise<void> {
  const folder = homePath(path, home);
  await realBelow(await deepestPresent(folder), home);
  for await (const _piece of process.stdin) {
    throw new KerneletError('FILE_ERROR', `${JSON.stringify(path.slice(0, 300))} names a folder, which has no content`);
  }
  if (!(await committed())) return;
  await mkdir(folder, { recursive: true });
  await realBelow(folder, home);
  report({ ok: true, result: { bytes: 0 } });
}

/** Where an upload goes, parents made; a link to a file in the home is followed. `present` is that file's mode. */
async function uploadTarget(
  path: string,
  home: string,
): Promise<{ readonly target: string; readonly present: number | null }> {
  if (path === home) throw new KerneletError('FILE_ERROR', `${path} is a folder`);
  const parent = posix.dirname(path);
  await realBelow(await deepestPresent(parent), home);
  await mkdir(parent, { recursive: true });
  const place = `${await realBelow(parent, home)}/${posix.basename(path)}`;
  try {
    const target = await realBelow(place, home);
    const facts = await lstat(target);
    if (facts.isDirectory()) throw new KerneletError('FILE_ERROR', `${path} is a folder`);
    if (!facts.isFile()) throw new KerneletError('FILE_ERROR', `${path} is not a regular file`);
    return { target, present: facts.mode & 0o777 };
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    return { target: place, present: null };
  }
}

async function download(home: string, path: string): Promise<void> {
  const asked = homePath(path, home);
  const real = await realBelow(asked, home);
  const name = posix.basename(asked);
  if ((await lstat(real)).isDirectory()) return await archive(real, name);
  // Not waiting for the other side of a named pipe that took the file's place.
  await using file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const facts = await file.stat();
  if (!facts.isFile()) throw new KerneletError('FILE_ERROR', `${path} is neither a file nor a folder`);
  const { size, mode } = facts;
  if (!Number.isSafeInteger(size)) throw new KerneletError('FILE_ERROR', `${path} is larger than a download can be`);
  report({ ok: true, result: { form: 'file', size, name, mode: mode & 0o777 } });
  if (size === 0) return;
  await new Promise<void>((resolve, reject) => {
    // No further than the size that was announced, should the file grow meanwhile.
    const span = { start: 0, end: size - 1, highWaterMark: 256 * 1024 };
    const content = createReadStream('', { ...span, fd: file.fd, autoClose: false });
    content.once('error', reject);
    process.stdout.once('error', reject);
    content.once('end', () => process.stdout.end(() => resolve()));
    content.pipe(process.stdout, { end: false });
  });
}

async function archive(folder: string, name: string): Promise<void> {
  const args = ['tar', '-c', '-f', '-', '-C', posix.dirname(folder), '--', posix.basename(folder)];
  report({ ok: true, result: { form: 'tar', size: null, name, mode: null } });
  const child = spawn(volumePaths.busybox, args, { stdio: ['ignore', 'inherit', 'inherit'], env: {} });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
  if (exitCode !== 0) process.exitCode = 1;
}
