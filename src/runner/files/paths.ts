/** Paths of the home with their links. */
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { posix } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { isBelow } from './worker-process.ts';

/** What comes into a kernel is written under such a name until it is whole. */
export const unfinishedPrefix = '.kernelet-upload-';

/** A name that nothing has yet. */
export const unfinishedName = (): string => `${unfinishedPrefix}${randomBytes(8).toString('hex')}`;

/** The path with all links followed. Throws FORBIDDEN_PATH when that leads out of the home. */
export async function realBelow(path: string | Buffer, home: string): Promise<string> {
  const real = await realpath(path);
  if (!isBelow(real, await realpath(home))) {
    // The way of an open folder means nothing to whoever asked.
    const shown = String(path).replace(/^\/proc\/self\/fd\/\d+\//, '');
    throw new KerneletError('FORBIDDEN_PATH', `${shown} leads outside of ${home}`);
  }
  return real;
}

/** What is at a path, a link as itself; null: nothing. Throws the system's other errors. */
export const presentAt = (path: string | Buffer): Promise<Stats | null> =>
  lstat(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  });

/** The path itself, or the nearest folder above it that is there. */
export async function deepestPresent(path: string): Promise<string> {
  for (let candidate = path; ; candidate = posix.dirname(candidate)) {
    if ((await presentAt(candidate)) || candidate === '/') return candidate;
  }
}
