/** The folder that a path would be made in. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The deepest folder on the way to a path that exists. */
export async function existingFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const facts = await stat(folder).catch(() => null);
    if (facts?.isDirectory() || folder === dirname(folder)) return folder;
  }
}
