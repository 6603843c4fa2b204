/**
 * The work on the tenant's files: a short-lived process with the tenant's ids, so that it can do nothing that the
 * tenant could not do, whatever links lie in its way. It is this program started again as `file-worker`.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants, createReadStream, writeSync } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { posix } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError, systemErrorCode } from '../../lib/system-error.ts';
import type { FileEntry } from '../../protocol/agent-frames.ts';
import { volumePaths } from '../volume-paths.ts';
import { commitLine, type FileReport, homePath, isBelow, reportDescriptor } from './worker-process.ts';

/** Bytes of entries after which a list goes on in another reply. */
const maxListBytes = 384 * 1024;

/** Does what the arguments say and ends the process. */
export async function workFiles(args: readonly string[]): Promise<void> {
  const [operation, home = '/', path = '', option = ''] = args;
  try {
    if (operation === 'list') report({ ok: true, result: await list(home, path, Number(option)) });
    else if (operation === 'upload' && path.endsWith('/')) await makeFolder(home, path);
    else if (operation === 'upload') await upload(home, path, option === '' ? null : Number(option));
    else await download(home, path);
  } catch (error) {
    report(failure(error, path));
    process.exitCode = 1;
  }
}

async function list(
  home: string,
  path: string,
  from: number,
): Promise<{ files: readonly FileEntry[]; path: string; next: number | null }> {
  const folder = homePath(path, home);
  const real = await realBelow(folder, home);
  if (!(await lstat(real)).isDirectory()) {
    throw new KerneletError('FILE_ERROR', `${JSON.stringify(path.slice(0, 300))} is not a folder`);
  }
  const names = await readdir(real, { encoding: 'buffer' });
  names.sort(Buffer.compare);
  const files: FileEntry[] = [];
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    if (index < from) continue;
    if (bytes > maxListBytes) return { files, path: folder, next: index };
    try {
      const facts = await lstat(Buffer.concat([Buffer.from(`${real}/`), name]));
      const entry = {
        filename: nameText(name),
        size: Math.min(facts.size, Number.MAX_SAFE_INTEGER),
        mode: modeText(facts.mode),
        ctime: facts.ctimeMs / 1000,
        mtime: facts.mtimeMs / 1000,
        atime: facts.atimeMs / 1000,
      };
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
  const unfinished = `${posix.dirname(target)}/.kernelet-upload-${randomBytes(8).toString('hex')}`;
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
async function makeFolder(home: string, path: string): Promise<void> {
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

/** The path with all links followed. Throws FORBIDDEN_PATH when that leads out of the home. */
async function realBelow(path: string, home: string): Promise<string> {
  const real = await realpath(path);
  if (!isBelow(real, await realpath(home))) {
    throw new KerneletError('FORBIDDEN_PATH', `${path} leads outside of ${home}`);
  }
  return real;
}

async function deepestPresent(path: string): Promise<string> {
  for (let candidate = path; ; candidate = posix.dirname(candidate)) {
    const facts = await lstat(candidate).catch((error: unknown) => {
      if (isSystemError(error, 'ENOENT')) return null;
      throw error;
    });
    if (facts || candidate === '/') return candidate;
  }
}

/** Whether the runner has said that the upload is whole. */
async function committed(): Promise<boolean> {
  const socket = new Socket({ fd: reportDescriptor, readable: true, writable: false });
  let text = '';
  // Reports still go out on this descriptor, so leaving the loop must not close it.
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    text += String(piece);
    if (text.includes(commitLine)) return true;
  }
  return false;
}

/** Synchronous, so that nothing is lost when the process ends. */
function report(document: FileReport): void {
  const bytes = Buffer.from(`${JSON.stringify(document)}\n`);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(reportDescriptor, bytes, written);
    } catch (error) {
      if (!isSystemError(error, 'EAGAIN')) throw error;
    }
  }
}

function failure(error: unknown, path: string): FileReport {
  if (error instanceof KerneletError) {
    const code = error.code === 'FORBIDDEN_PATH' ? error.code : 'FILE_ERROR';
    return { ok: false, code, message: error.message };
  }
  const shown = JSON.stringify(path.slice(0, 300));
  switch (systemErrorCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { ok: false, code: 'FILE_NOT_FOUND', message: `${shown} does not exist` };
    default:
      return {
        ok: false,
        code: 'FILE_ERROR',
        message: `${shown}: ${error instanceof Error ? error.message : String(error)}`,
      };
  }
}

const fileTypes: ReadonlyMap<number, string> = new Map([
  [0o140000, 's'],
  [0o120000, 'l'],
  [0o100000, '-'],
  [0o060000, 'b'],
  [0o040000, 'd'],
  [0o020000, 'c'],
  [0o010000, 'p'],
]);

/** A mode as `ls -l` shows it: `-rw-r--r--`. */
function modeText(mode: number): string {
  const permissions = [6, 3, 0].flatMap((shift) => {
    const bits = mode >> shift;
    const special = (mode & (shift === 6 ? 0o4000 : shift === 3 ? 0o2000 : 0o1000)) !== 0;
    const letter = shift === 0 ? 't' : 's';
    const execute = (bits & 1) !== 0;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return [(bits & 4) === 0 ? '-' : 'r', (bits & 2) === 0 ? '-' : 'w', last];
  });
  return `${fileTypes.get(mode & 0o170000) ?? '?'}${permissions.join('')}`;
}

/** A file's name; bytes that are not UTF-8 are written as `\xNN`. */
function nameText(name: Buffer): string {
  const text = name.toString('utf8');
  if (Buffer.from(text).equals(name)) return text;
  let result = '';
  for (let at = 0; at < name.length; ) {
    const size = sequenceLength(name, at);
    if (size === 0) {
      result += `\\x${(name[at] ?? 0).toString(16).padStart(2, '0')}`;
      at += 1;
    } else {
      result += name.toString('utf8', at, at + size);
      at += size;
    }
  }
  return result;
}

/** Bytes of the UTF-8 sequence at a place; 0 = there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  for (let size = 1; size <= 4 && at + size <= bytes.length; size += 1) {
    const piece = bytes.subarray(at, at + size);
    if (Buffer.from(piece.toString('utf8')).equals(piece)) return size;
  }
  return 0;
}
