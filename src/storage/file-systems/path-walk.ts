/**
 * Follows a path and its links, each part in the file system that it lies in, so that one that hangs is known by name: what
 * lies where is read off the table of mounts, which never hangs.
 */
import { dirname, join } from 'node:path';
import { type Mount, mountOf } from '../../lib/mount-table.ts';
import type { FileKind, WalkAnswer } from './file-calls.ts';

/** What a path leads to. */
export interface FoundFile {
  /** The path with all links resolved. */
  readonly path: string;
  readonly kind: FileKind;
  /** In bytes. */
  readonly size: number;
}

/** Walks names in one file system; undefined: one that the table lacks. */
export type Walk = (mount: Mount | undefined, folder: string, names: readonly string[]) => Promise<WalkAnswer>;

/** As many as Linux follows. */
const maxLinks = 40;

/** Throws an error with the system's code, such as ENOENT, and what `walk` throws. `path` is absolute. */
export async function findFile(path: string, table: readonly Mount[], walk: Walk): Promise<FoundFile> {
  let found: FoundFile = { path: '/', kind: 'folder', size: 0 };
  let rest = path.split('/');
  for (let links = 0; rest.length > 0; ) {
    if (found.kind !== 'folder') throw refusal('ENOTDIR', path);
    const [name = ''] = rest;
    if (name === '' || name === '.' || name === '..') {
      if (name === '..') found = { path: dirname(found.path), kind: 'folder', size: 0 };
      rest = rest.slice(1);
      continue;
    }
    const mount = mountOf(join(found.path, name), table);
    const names = namesWithin(mount, found.path, rest, table);
    const answer = await walk(mount, found.path, names);
    if ('refused' in answer) throw refusal(answer.refused, path);
    if ('link' in answer) {
      links += 1;
      if (links > maxLinks) throw refusal('ELOOP', path);
      const folder = answer.link.startsWith('/') ? '/' : join(found.path, ...names.slice(0, answer.index));
      found = { path: folder, kind: 'folder', size: 0 };
      rest = [...answer.link.split('/'), ...rest.slice(answer.index + 1)];
      continue;
    }
    found = { path: join(found.path, ...names), ...answer };
    rest = rest.slice(names.length);
  }
  return found;
}

/** The first names of a way that lie in the file system of its first one, up to the next `..`. */
function namesWithin(mount: Mount | undefined, folder: string, way: readonly string[], table: readonly Mount[]) {
  const names: string[] = [];
  for (const name of way) {
    const isName = name !== '' && name !== '.' && name !== '..';
    if (!isName || mountOf(join(folder, ...names, name), table) !== mount) break;
    names.push(name);
  }
  return names;
}

/** An error as the system's are, by its code. */
export function refusal(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
