/**
 * What has to be known of an image's root file system before a kernel can have it read-only. It is read once for each image,
 * out of a container that never runs, and kept in the state folder.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Engine } from '../../engine/engine.ts';
import { unfinishedFileForm, writeFileAtomic } from '../../lib/atomic-file.ts';
import { makeFolder } from '../../lib/folders.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { fields, list, readOrNull, type TypeOf, text } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';
import { waysToTemporaryFolders } from './root-file-system.ts';
import { readUserFiles, userFiles } from './user-files.ts';

const imageRoot = fields({ users: userFiles, links: list(text) });
/** `links`: those of `waysToTemporaryFolders` that are symbolic links in the image. */
export type ImageRoot = TypeOf<typeof imageRoot>;

/** Images that are remembered; the oldest go first. */
const maxImages = 256;
/** Characters of what is remembered of one; far more than files that people have written need. */
const maxKeptLength = 256 * 1024;

/** Reads it from a container that has no mounts. */
export async function readImageRoot(
  engine: Pick<Engine, 'isLink' | 'readFile'>,
  container: ContainerId,
  signal: AbortSignal,
): Promise<ImageRoot> {
  const linkAt = async (path: string) => ((await engine.isLink(container, path, signal)) ? [path] : []);
  const [users, ...links] = await Promise.all([
    readUserFiles(engine, container, signal),
    ...waysToTemporaryFolders.map(linkAt),
  ]);
  return { users, links: links.flat() };
}

/** What is known of images, a file for each; agents of one state folder may share it. */
export class ImageRoots {
  readonly #folder: string;
  readonly #log: Logger;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** What is known of an image; null = nothing. */
  async find(image: string): Promise<ImageRoot | null> {
    return readOrNull(imageRoot, await readFile(this.#path(image), 'utf8').catch(() => ''));
  }

  /** Remembers it. What cannot be written, and what is too large, is read again for the next kernel. */
  async keep(image: string, kept: ImageRoot): Promise<void> {
    const content = JSON.stringify(kept);
    if (content.length > maxKeptLength) return;
    try {
      await makeFolder(this.#folder, 0o700);
      await this.#makeRoom(basename(this.#path(image)));
      await writeFileAtomic(this.#path(image), content, { durable: false });
    } catch (error) {
      this.#log.warn('what was read of an image cannot be remembered', { image, error });
    }
  }

  async #makeRoom(own: string): Promise<void> {
    const present = (await readdir(this.#folder)).filter((name) => name !== own && !unfinishedFileForm.test(name));
    if (present.length < maxImages) return;
    const aged = present.map(async (name) => {
      const path = join(this.#folder, name);
      return { path, changedAt: (await stat(path).catch(() => null))?.mtimeMs ?? 0 };
    });
    const oldest = (await Promise.all(aged)).sort((one, other) => one.changedAt - other.changedAt);
    for (const { path } of oldest.slice(0, present.length - maxImages + 1)) await rm(path, { force: true });
  }

  #path(image: string): string {
    return join(this.#folder, `${encodeURIComponent(image.replace(/^sha256:/, ''))}.json`);
  }
}
