/**
 * Files and folders of a kernel on the host, made and read as root where a tenant may have written before: every step of the
 * way is opened for itself and without following links, so that nothing is made, changed or read elsewhere.
 */
import { constants, type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { KerneletError } from '../lib/errors.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import type { Owner } from './scratch.ts';

/** Permission bits and owner of what is made; null = whoever makes it. */
export interface Belonging {
  readonly mode: number;
  readonly owner: Owner | null;
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const writeFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Whether a path names something below a folder, without empty, `.` or `..` parts. Pure. */
export function isPlainPath(path: string): boolean {
  return !path.includes('\0') && path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
}

/**
 * Writes a file below `folder`, in the place of any other. Folders on the way that are missing are made the owner's, as
 * open to others as `folderMode`. Throws STATE_UNUSABLE, also when a link or a file is on the way.
 */
export async function placeFile(
  folder: string,
  path: string,
  text: string | Uint8Array,
  { mode, owner, folderMode }: Belonging & { readonly folderMode: number },
): Promise<void> {
  await within(folder, path, { mode: folderMode, owner }, async (above, name) => {
    const target = entry(above, name);
    await rm(target, { force: true });
    await using file = await open(target, writeFlags, 0o600);
    await file.writeFile(text);
    await give(file, { mode, owner });
  });
}

/** Like `placeFile`, but leaves whatever is there; answers whether nothing was. */
export async function placeFileIfAbsent(
  folder: string,
  path: string,
  text: string | Uint8Array,
  { mode, owner, folderMode }: Belonging & { readonly folderMode: number },
): Promise<boolean> {
  return await within(folder, path, { mode: folderMode, owner }, async (above, name) => {
    const target = entry(above, name);
    await using file = await open(target, writeFlags, 0o600).catch((error: unknown) => {
      if (isSystemError(error, 'EEXIST')) return null;
      throw error;
    });
    if (!file) return false;
    try {
      await file.writeFile(text);
      await give(file, { mode, owner });
      return true;
    } catch (error) {
      // Half a file would be taken for a user's.
      await rm(target, { force: true }).catch(() => {});
      throw error;
    }
  });
}

/** Makes a folder below `folder`, and those on the way; what is there already stays as it is. Throws as `placeFile`. */
export async function placeFolder(folder: string, path: string, belonging: Belonging): Promise<void> {
  await within(folder, path, belonging, async (above, name) => {
    await using _made = await step(above, name, belonging);
  });
}

/** Makes an empty file below `folder` unless something is there. Throws as `placeFile`. */
export async function placeEmptyFile(folder: string, path: string, belonging: Belonging): Promise<void> {
  await placeFileIfAbsent(folder, path, '', { ...belonging, folderMode: 0o755 });
}

/** Goes to the folder of a path's last name, making what is missing, and does something there. */
async function within<Result>(
  folder: string,
  path: string,
  belonging: Belonging,
  action: (above: FileHandle, name: string) => Promise<Result>,
): Promise<Result> {
  const names = path.split('/');
  const last = names.pop() ?? '';
  try {
    if (!isPlainPath(path)) throw new Error('it is no path below the folder');
    let above = await open(folder, folderFlags);
    try {
      for (const name of names) {
        const next = await step(above, name, belonging);
        await above.close();
        above = next;
      }
      return await action(above, last);
    } finally {
      await above.close();
    }
  } catch (error) {
    const why = systemErrorCode(error) ?? (error instanceof Error ? error.message : String(error));
    const text = `cannot write ${JSON.stringify(path)} in ${folder} (${why})`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause: error, context: { path: folder } });
  }
}

/** Opens a folder in a folder, made if it is missing. */
async function step(above: FileHandle, name: string, belonging: Belonging): Promise<FileHandle> {
  const path = entry(above, name);
  let made = true;
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!isSystemError(error, 'EEXIST')) throw error;
    made = false;
  });
  const handle = await open(path, folderFlags);
  try {
    if (made) await give(handle, belonging);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function give(file: FileHandle, { mode, owner }: Belonging): Promise<void> {
  if (owner && process.geteuid?.() === 0) await file.chown(owner.uid, owner.gid);
  await file.chmod(mode);
}

/** The way to an entry of an open folder, whatever has become of the folder's own path. */
const entry = (folder: FileHandle, name: string): string => `/proc/self/fd/${folder.fd}/${name}`;

/**
 * The text of a file below a folder whose users may have put links and anything else there. Throws the system's error, and an
 * Error for what is no file below the folder or too long.
 */
export async function readFileWithin(folder: string, path: string, maxBytes: number): Promise<string> {
  if (!isPlainPath(path)) throw new Error(`${JSON.stringify(path.slice(0, 200))} is no path below the folder`);
  const names = path.split('/');
  const last = names.pop() ?? '';
  let above = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of names) {
      const next = await open(entry(above, name), folderFlags);
      await above.close();
      above = next;
    }
    await using file = await open(entry(above, last), readFlags);
    return await textOf(file, maxBytes);
  } finally {
    await above.close();
  }
}

async function textOf(file: FileHandle, maxBytes: number): Promise<string> {
  if (!(await file.stat()).isFile()) throw new Error('it is not a regular file');
  const bytes = Buffer.alloc(maxBytes + 1);
  let size = 0;
  for (let count = -1; count !== 0 && size < bytes.length; size += count) {
    count = (await file.read(bytes, size, bytes.length - size, null)).bytesRead;
  }
  if (size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
  return bytes.toString('utf8', 0, size);
}
