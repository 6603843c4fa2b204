/** Folders of this machine on their way into a kernel. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAtOrBelow } from '../lib/mount-table.ts';
import { noteLeftOut } from './left-out.ts';
import type { Screen } from './screen.ts';

/**
 * Regular files below a folder, as paths from it, and with a slash at their end empty folders. Links to folders are not followed,
 * nor those that lead out of the folder, which somebody else may have made; what is not sent is left out, with a note.
 */
export async function filesBelow(folder: string, screen: Screen): Promise<readonly string[]> {
  return await contentOf(folder, await realpath(folder), screen);
}

/** `top`: the real path of the folder that all lies below. */
async function contentOf(folder: string, top: string, screen: Screen): Promise<readonly string[]> {
  const found: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  for (const entry of entries) {
    const name = entry.name.toString();
    const path = join(folder, name);
    if (!Buffer.from(name).equals(entry.name)) {
      await noteLeftOut(screen, path, 'its name is not UTF-8');
    } else if (entry.isDirectory()) {
      found.push(...(await contentOf(path, top, screen)).map((below) => join(name, below)));
    } else if (!isAtOrBelow(await realpath(path).catch(() => top), top)) {
      await noteLeftOut(screen, path, 'it is a link that leads out of the folder');
    } else if ((await stat(path).catch(() => null))?.isFile()) {
      found.push(name);
    } else {
      await noteLeftOut(screen, path, 'it is neither a file nor a folder');
    }
  }
  return entries.length > 0 ? found : ['./'];
}
