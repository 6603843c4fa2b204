/**
 * Calls to a file system that may hang: the module of the process that makes them for one file system, and used directly
 * for the machine's own. What the system refuses is an answer, by its code.
 */
import type { Stats } from 'node:fs';
import { lstat, mkdir, readlink, rmdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../lib/system-error.ts';
import { readFileWithin } from '../scratch-files.ts';

/** What a path leads to, links not followed. */
export type FileKind = 'file' | 'folder' | 'character-device' | 'other';

/** What came of a walk. */
export type WalkAnswer =
  /** All names were walked. `size` is in bytes. */
  | { readonly kind: FileKind; readonly size: number }
  /** The name of this index is a link. */
  | { readonly link: string; readonly index: number }
  | { readonly refused: string };

/** Walks names from a folder on that has no link on its way. */
export async function walk({
  folder,
  names,
}: {
  readonly folder: string;
  readonly names: readonly string[];
}): Promise<WalkAnswer> {
  try {
    let path = folder;
    let facts = names.length === 0 ? await lstat(folder) : null;
    for (const [index, name] of names.entries()) {
      path = join(path, name);
      facts = await lstat(path);
      if (facts.isSymbolicLink()) return { link: await readlink(path), index };
    }
    return { kind: kindOf(facts), size: facts?.size ?? 0 };
  } catch (error) {
    return { refused: codeOf(error) };
  }
}

/** What came of reading a file: its text, the system's code, or in words why it is none that is read. */
export type ReadAnswer =
  /** As JSON makes it no longer. */
  { readonly base64: string } | { readonly refused: string } | { readonly unfit: string };

/** Reads a text as `readFileWithin` does. */
export async function read({
  folder,
  path,
  maxBytes,
}: {
  readonly folder: string;
  readonly path: string;
  readonly maxBytes: number;
}): Promise<ReadAnswer> {
  try {
    const text = await readFileWithin(folder, path, maxBytes);
    return { base64: Buffer.from(text).toString('base64') };
  } catch (error) {
    const refused = systemErrorCode(error);
    return refused === undefined ? { unfit: error instanceof Error ? error.message : String(error) } : { refused };
  }
}

/** Makes a folder; one that is there is fine. */
export async function makeFolder({ path }: { readonly path: string }): Promise<{ readonly refused: string | null }> {
  try {
    await mkdir(path);
    return { refused: null };
  } catch (error) {
    const refused = codeOf(error);
    return { refused: refused === 'EEXIST' ? null : refused };
  }
}

/** Of a folder that is in use, and of one that is gone. */
const isLeft = new Set(['ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOENT']);

/** Removes a folder; one that has something in it, or on which something is mounted, stays. */
export async function removeEmptyFolder({
  path,
}: {
  readonly path: string;
}): Promise<{ readonly refused: string | null }> {
  try {
    await rmdir(path);
    return { refused: null };
  } catch (error) {
    const refused = codeOf(error);
    return { refused: isLeft.has(refused) ? null : refused };
  }
}

/** Comes back when the file system answers, which it does not out of what was remembered of it. */
export async function probe({ path }: { readonly path: string }): Promise<null> {
  await statfs(path).catch(() => {});
  return null;
}

function kindOf(facts: Stats | null): FileKind {
  if (facts?.isFile()) return 'file';
  if (facts?.isDirectory()) return 'folder';
  return facts?.isCharacterDevice() ? 'character-device' : 'other';
}

/** Throws what is no error of the system. */
function codeOf(error: unknown): string {
  const code = systemErrorCode(error);
  if (code === undefined) throw error;
  return code;
}
