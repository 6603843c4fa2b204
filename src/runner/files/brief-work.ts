/** What a worker does to files at once: look, make folders, move, remove. Links are what they are, and not followed. */
import { lstat, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { SentFileEntry } from '../../protocol/kernel-files.ts';
import { entryOf } from './entry.ts';
import { OpenFolder } from './open-folder.ts';
import { presentAt, realBelow } from './paths.ts';
import { systemReason } from './reports.ts';
import { homePath } from './worker-process.ts';

/** Levels of folders that are removed; each is held open meanwhile. */
const maxDepth = 200;
/** After so many milliseconds the rest is left to the next request; less than the runner waits for a worker. */
const removalMs = 10_000;

/** What is at a path; with `follow` behind the links there. Throws FORBIDDEN_PATH and the system's errors. */
export async function statFile(
  home: string,
  path: string,
  follow: boolean,
): Promise<{ path: string; file: SentFileEntry }> {
  const normal = homePath(path, home);
  const name = Buffer.from(posix.basename(normal));
  await using folder = await OpenFolder.below(home, normal === home ? home : posix.dirname(normal));
  if (normal === home) return { path: normal, file: await entryOf(name, await lstat(`${folder.path()}/.`), home) };
  const place = folder.at(name);
  const real = follow ? await realBelow(place, home) : place;
  return { path: normal, file: await entryOf(name, await lstat(real), real) };
}

/** Makes a folder and those above it; says whether it was missing. Throws FILE_EXISTS where something else is. */
export async function makeFolder(home: string, path: string): Promise<{ created: boolean }> {
  const made = await makeFolders(home, path);
  return { created: made > 0 };
}

/** The same; says how many folders were missing: the one of the path and those above it. */
export async function makeFolders(home: string, path: string): Promise<number> {
  const normal = homePath(path, home);
  let made = 0;
  let above = home;
  for (const name of posix
    .relative(home, normal)
    .split('/')
    .filter((part) => part !== '')) {
    // Looked at level by level, so that nothing is made behind a link that leads out.
    await using folder = await OpenFolder.below(home, above);
    made = await mkdir(folder.at(name)).then(
      () => made + 1,
      (error: unknown) => {
        if (!isSystemError(error, 'EEXIST')) throw error;
        return 0;
      },
    );
    above = posix.join(above, name);
  }
  try {
    await using _folder = await OpenFolder.below(home, normal);
  } catch (error) {
    if (!isSystemError(error, 'ENOTDIR', 'ENOENT')) throw error;
    throw new KerneletError('FILE_EXISTS', `${quoted(path)} is there already, and is no folder`);
  }
  return made;
}

/** Moves or renames, within one volume. Throws FILE_EXISTS where something is in the way. */
export async function moveFile(home: string, from: string, to: string, replace: boolean): Promise<void> {
  await using source = await placeOf(home, from);
  await using target = await placeOf(home, to).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new KerneletError('FILE_NOT_FOUND', `there is no folder for ${quoted(to)}: make it first`);
  });
  await lstat(source.path);
  if (!replace && (await presentAt(target.path)))
    throw new KerneletError('FILE_EXISTS', `${quoted(to)} is there already`);
  try {
    await rename(source.path, target.path);
  } catch (error) {
    if (isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'EISDIR', 'ENOTDIR')) {
      const reason = isSystemError(error, 'ENOTDIR') ? 'is no folder' : 'is a folder, which is not replaced';
      throw new KerneletError('FILE_EXISTS', `${quoted(to)} ${reason}`);
    }
    if (isSystemError(error, 'EINVAL')) {
      throw new KerneletError('INVALID_ARGUMENT', `${quoted(from)} cannot be moved into itself: ${quoted(to)}`);
    }
    if (isSystemError(error, 'EXDEV', 'EBUSY')) {
      const text = `${quoted(from)} and ${quoted(to)} are on different volumes; \`mv\` in the kernel copies it`;
      throw new KerneletError('FILE_ERROR', text);
    }
    throw error;
  }
}

/**
 * Removes a file or link, an empty folder, or with `recursive` a folder with all that is in it, as far as a while suffices.
 * What lies on another volume stays. Throws FILE_ERROR with what cannot be removed.
 */
export async function removeFile(
  home: string,
  path: string,
  recursive: boolean,
): Promise<{ removed: number; complete: boolean }> {
  await using place = await placeOf(home, path);
  const removal = new Removal(path, performance.now() + removalMs);
  if ((await lstat(place.path)).isDirectory() && recursive) {
    await removal.remove(place.folder, Buffer.from(place.name), path, 0);
  } else {
    await removal.one(place.path, path);
  }
  return { removed: removal.removed, complete: removal.complete };
}

/** One removal, which stops when its time is over. */
class Removal {
  removed = 0;
  complete = true;
  readonly #path: string;
  readonly #until: number;

  constructor(path: string, until: number) {
    this.#path = path;
    this.#until = until;
  }

  /** A file, link or empty folder. */
  async one(place: Buffer, shown: string): Promise<void> {
    try {
      await unlink(place).catch(async (error: unknown) => {
        if (!isSystemError(error, 'EISDIR')) throw error;
        await rmdir(place);
      });
      this.removed += 1;
    } catch (error) {
      if (isSystemError(error, 'ENOTEMPTY', 'EEXIST')) {
        throw new KerneletError('FILE_ERROR', `${quoted(shown)} is a folder that is not empty: remove it recursively`);
      }
      if (isSystemError(error, 'EBUSY')) {
        throw new KerneletError('FILE_ERROR', `${quoted(shown)} is a volume, which stays`);
      }
      throw error;
    }
  }

  /** A folder with what is in it. */
  async remove(parent: OpenFolder, name: Buffer, shown: string, depth: number): Promise<void> {
    if (depth >= maxDepth) {
      const text = `${quoted(this.#path)} has more than ${maxDepth} levels of folders: \`rm -r\` it in the kernel`;
      throw new KerneletError('FILE_ERROR', text);
    }
    {
      await using folder = await parent.folder(name);
      if ((await folder.mount()) !== (await parent.mount())) {
        throw new KerneletError('FILE_ERROR', `${quoted(shown)} is a volume, which stays with all that is in it`);
      }
      for (const child of await folder.names()) {
        if (performance.now() > this.#until) this.complete = false;
        if (!this.complete) return;
        await this.#child(folder, child, `${shown}/${child}`, depth);
      }
    }
    if (this.complete) await this.one(parent.at(name), shown);
  }

  async #child(folder: OpenFolder, child: Buffer, shown: string, depth: number): Promise<void> {
    try {
      const isFolder = (await lstat(folder.at(child))).isDirectory();
      await (isFolder ? this.remove(folder, child, shown, depth + 1) : this.one(folder.at(child), shown));
    } catch (error) {
      // Somebody else was faster.
      if (isSystemError(error, 'ENOENT')) return;
      if (error instanceof KerneletError) throw error;
      throw new KerneletError('FILE_ERROR', `${quoted(shown)}: ${systemReason(error)}`);
    }
  }
}

/** A name in an open folder. */
interface Place extends AsyncDisposable {
  readonly folder: OpenFolder;
  readonly name: string;
  readonly path: Buffer;
}

/** Where a path leads but for a link at its end. Throws FORBIDDEN_PATH for the home itself, and for what lies outside. */
async function placeOf(home: string, path: string): Promise<Place> {
  const normal = homePath(path, home);
  if (normal === home) throw new KerneletError('FORBIDDEN_PATH', `${home} itself stays as it is`);
  const folder = await OpenFolder.below(home, posix.dirname(normal));
  const name = posix.basename(normal);
  return { folder, name, path: folder.at(name), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const quoted = (path: string): string => JSON.stringify(path.slice(0, 300));
