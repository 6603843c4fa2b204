/** Where the archive of a committed kernel goes: names that a manager gives, which lead nowhere else. */
import { lstat, readdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/folders.ts';

const maxName = 200;
const unfinished = '.unfinished';

/** Throws INVALID_ARGUMENT for what cannot be a folder below the commit path: managers give an address of e-mail. */
export function checkFolder(subdir: string): void {
  const parts = subdir.split('/');
  if (parts.length <= 4 && parts.every(isPlainName)) return;
  throw new KerneletError('INVALID_ARGUMENT', `${shown(subdir)} cannot be a folder for committed kernels`);
}

/** Throws INVALID_ARGUMENT for what cannot be the name of a file. */
export function checkFilename(name: string): void {
  if (isPlainName(name)) return;
  throw new KerneletError('INVALID_ARGUMENT', `${shown(name)} cannot be the name of a committed kernel's file`);
}

/**
 * Makes the folder and gives the path of the file in it. Throws INVALID_ARGUMENT when a part of it is a link that leads
 * elsewhere, or when something of this name is there, and the system's error.
 */
export async function commitPlace(root: string, subdir: string, filename: string): Promise<string> {
  checkFolder(subdir);
  checkFilename(filename);
  await makeFolder(root, 0o755);
  const top = await realpath(root);
  const folder = join(top, subdir);
  await makeFolder(folder, 0o755);
  if ((await realpath(folder)) !== folder || !folder.startsWith(top + sep)) {
    throw new KerneletError('INVALID_ARGUMENT', `${shown(subdir)} is a link to a folder elsewhere`);
  }
  const place = join(folder, filename);
  if (await lstat(place).catch(() => null)) {
    throw new KerneletError('INVALID_ARGUMENT', `there is a file ${shown(filename)} already`);
  }
  return place;
}

/** Where a file is written until it is whole; nobody else's name, since managers cannot give one that is hidden. */
export function unfinishedPlace(place: string): string {
  return join(dirname(place), `.${basename(place)}${unfinished}`);
}

/** Removes what a process that was killed has left half-written. Throws the system's error. */
export async function removeUnfinished(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.startsWith('.') || !entry.name.endsWith(unfinished)) continue;
    await rm(join(entry.parentPath, entry.name), { force: true });
  }
}

/** One step of a path: nothing hidden, so that it is no file of ours either. */
function isPlainName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && name.length <= maxName && !/[/\\\p{Cc}]/u.test(name);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, maxName));
}
