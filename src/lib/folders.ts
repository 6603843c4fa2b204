/** Folders at places that somebody chose, and folders that tenants have written in. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './atomic-file.ts';
import { runProgram } from './run-program.ts';
import { isSystemError } from './system-error.ts';

/**
 * Makes a folder and what is missing above it; one that is there is success. Node's own `recursive` asks for ever where
 * the folder above is there and refuses with ENOENT, as `/proc` does. Throws the system's error.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if (!isSystemError(error, 'ENOENT') || above === path) throw error;
    // It may be there by now: others make folders too.
    if (!(await isThere(above))) await makeFolder(above, mode);
    await makeOne(path, mode);
  }
}

/**
 * The same so that it survives a loss of power: what it is called is synced too, also where an earlier process has made it and
 * was killed before it had done so. Throws the system's error.
 */
export async function makeFolderDurably(path: string, mode = 0o777): Promise<void> {
  const above = dirname(path);
  if (above !== path && !(await isThere(above))) await makeFolderDurably(above, mode);
  await makeFolder(path, mode);
  // What is above may be somebody else's, who lets nobody read it, or of a file system that syncs no folders.
  await syncFolder(above).catch(() => {});
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (isSystemError(error, 'EEXIST') && (await stat(path)).isDirectory()) return;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

const removeProgram = 'rm';

/**
 * Removes a folder with everything below it; symbolic links are removed and not followed, what is mounted below is left
 * alone, an absent folder is success. Throws what `rm` wrote to stderr; an abort ends it in the middle.
 *
 * A program of its own does it: Node asks for all files of a folder at once, and a tenant may have left millions, which
 * would fill this process's memory and keep every other use of the disk waiting; nor can it reach below the longest path.
 */
export async function removeTree(path: string, signal?: AbortSignal): Promise<void> {
  const args = ['-rf', '--one-file-system', '--', path];
  const { exitCode, stderr } = await runProgram(removeProgram, args, signal === undefined ? {} : { signal });
  signal?.throwIfAborted();
  if (exitCode !== 0) throw new Error(`rm ended with ${exitCode}: ${stderr}`);
}
