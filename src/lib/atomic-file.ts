/**
 * Files that are either as they were or as they shall be, whatever happens in between: written beside the target,
 * synced, renamed over it, and the folder synced, so that the rename itself survives a loss of power.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KerneletError } from './errors.ts';
import { systemErrorCode } from './system-error.ts';

/** How a file is written, beside its content. */
export interface AtomicWriteOptions {
  /** Permission bits of the new file; 0o600 when absent. The process's umask doesn't narrow them. */
  readonly mode?: number;
  /** Whether it must survive a loss of power; true when absent. Without, it survives the end of the process alone. */
  readonly durable?: boolean;
  /** Whose the new file is; the process's own when absent. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** What names of unfinished files look like: a sweep may remove such files when no writer can be alive. */
export const unfinishedFileForm = /^\.[^/]+\.[0-9a-f]{12}\.tmp$/;

/**
 * Replaces or makes the file. On failure the old content stands and nothing is left beside it. Throws STATE_UNUSABLE,
 * naming the path, when the disk is full or read-only or the folder cannot be used.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const { mode = 0o600, durable = true, owner } = options;
  const unfinished = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    {
      await using file = await open(unfinished, 'wx', mode);
      if (owner) await file.chown(owner.uid, owner.gid);
      await file.chmod(mode);
      await file.writeFile(content);
      if (durable) await file.sync();
    }
    await rename(unfinished, path);
    if (durable) await syncFolder(dirname(path));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {});
    throw stateError(error, 'write', path);
  }
}

/** Removes the file for good, in that the removal survives a loss of power. An absent file is success. */
export async function removeFileDurably(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await syncFolder(dirname(path));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw stateError(error, 'remove', path);
  }
}

/** Makes what was renamed, made or removed in a folder survive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

/** The same before it returns, for what is opened before anybody is served. */
export function syncFolderNow(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  ENOENT: 'the folder does not exist',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EIO: 'the disk reports an error',
};

function stateError(error: unknown, verb: string, path: string): unknown {
  const code = systemErrorCode(error);
  if (code === undefined) return error;
  const reason = reasons[code] ?? (error instanceof Error ? error.message : code);
  return new KerneletError('STATE_UNUSABLE', `cannot ${verb} ${path}: ${reason} (${code})`, {
    cause: error,
    context: { path, errno: code },
  });
}
