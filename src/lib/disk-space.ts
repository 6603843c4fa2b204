/** Space of file systems: what is free, what is reserved, and what a home can be limited to. */
import { statfs } from 'node:fs/promises';
import { KerneletError } from './errors.ts';
import { isSystemError } from './system-error.ts';

/** The least limit of a home: less leaves nothing beside the tables of its file system. */
export const minHomeBytes = 16 * 2 ** 20;
/** The largest: its image, which is larger, is a file, of which an ext4 below takes no more than 16 TiB. */
export const maxHomeBytes = 15 * 2 ** 40;
/** What a limit of a home is told to be when it is refused. */
export const homeRange = `from ${minHomeBytes} bytes (16m) to ${maxHomeBytes} (15t)`;

/** So many bytes of a file system, such a part of it from 0 to 1, or the less of both. */
export type ReservedSpace =
  | { readonly bytes: number }
  | { readonly part: number }
  | { readonly bytes: number; readonly part: number };

/** What is reserved unless the configuration says something: on a small disk a part, so that it is not full when it is empty. */
export const usualReserve: ReservedSpace = { bytes: 256 * 2 ** 20, part: 0.05 };

/** A file system, in bytes. */
export interface FreeSpace {
  readonly free: number;
  readonly total: number;
}

/** What is free for everybody but root, who may have a reserve. Throws the system's error. */
export async function freeSpaceOf(folder: string): Promise<FreeSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}

/** Whether something failed since there is no room, or no more for us; also as the cause of what was thrown. */
export function isDiskFull(thrown: unknown): boolean {
  const cause = thrown instanceof KerneletError ? thrown.cause : thrown;
  return isSystemError(cause, 'ENOSPC', 'EDQUOT');
}

/** How many bytes of a file system of so many are reserved. Pure. */
export const reservedBytes = (reserved: ReservedSpace, total: number): number =>
  Math.floor(
    Math.min(
      'bytes' in reserved ? reserved.bytes : Number.POSITIVE_INFINITY,
      'part' in reserved ? total * reserved.part : Number.POSITIVE_INFINITY,
    ),
  );
