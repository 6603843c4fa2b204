/** Removing a folder that tenants have written in. */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { isSystemError } from './system-error.ts';

const removeProgram = 'rm';
const mostStderr = 2_000;

/**
 * Removes a folder with everything below it; symbolic links are removed and not followed, an absent folder is success.
 * Folders may lie deeper than a path can be long, which Node cannot remove and `rm` can. Throws the system's error, or
 * what `rm` said; an abort ends it in the middle.
 */
export async function removeTree(path: string, signal?: AbortSignal): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isSystemError(error, 'ENAMETOOLONG')) throw error;
    await removeDeep(path, signal);
  }
}

function removeDeep(path: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const child = spawn(removeProgram, ['-rf', '--one-file-system', '--', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, mostStderr);
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`rm ended with ${code}: ${said.trim()}`)),
    );
  });
}
