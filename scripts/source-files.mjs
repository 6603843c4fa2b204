// The files of the project that git tracks or would, for checks that read them all.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Reads them below these folders.
 *
 * @param {readonly string[]} folders
 * @param {(path: string) => boolean} isWanted
 * @returns {Generator<{ path: string, text: string }>}
 */
export function* sourceFiles(folders, isWanted) {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...folders], { encoding: 'utf8' });
  for (const path of listed.split('\n')) {
    if (path === '' || !isWanted(path)) continue;
    let text;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      // Deleted, and git has not been told.
      if (error.code === 'ENOENT') continue;
      throw error;
    }
    yield { path, text };
  }
}
