/** Removing a folder that tenants have written in. */
import { spawn } from 'node:child_process';

const removeProgram = 'rm';
const maxStderr = 2_000;

/**
 * Removes a folder with everything below it; symbolic links are removed and not followed, what is mounted below is left
 * alone, an absent folder is success. Throws what `rm` said; an abort ends it in the middle.
 *
 * A program of its own does it: Node asks for all files of a folder at once, and a tenant may have left millions, which
 * would fill this process's memory and keep every other use of the disk waiting; nor can it reach below the longest path.
 */
export function removeTree(path: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const child = spawn(removeProgram, ['-rf', '--one-file-system', '--', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, maxStderr);
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`rm ended with ${code}: ${said.trim()}`)),
    );
  });
}
