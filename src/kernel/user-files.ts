/**
 * A kernel's own copies of the files that name users, for a root file system that cannot be written: the runner enters the
 * tenant there. They are those of the image, which are read once for each image, out of a container that never runs, and
 * kept in the state folder.
 */
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ContainerMount, Engine } from '../engine/engine.ts';
import { unfinishedFileForm, writeFileAtomic } from '../lib/atomic-file.ts';
import { makeFolder } from '../lib/folders.ts';
import type { ContainerId } from '../lib/ids.ts';
import { fields, nullable, readOrNull, type TypeOf, text } from '../lib/json-reader.ts';
import type { Logger } from '../lib/log.ts';
import type { Owner, ScratchPaths } from '../storage/scratch.ts';
import type { KernelSpec } from './spec.ts';

const files = { passwd: nullable(text), group: nullable(text), shadow: nullable(text), shells: nullable(text) };
const userFiles = fields(files);
/** Their bytes as characters; null: it is none that can be mounted over, and stays as the image has it. */
export type UserFiles = TypeOf<typeof userFiles>;

const names = ['passwd', 'group', 'shadow', 'shells'] as const satisfies readonly (keyof UserFiles)[];
/** Bytes of one file; far more than users have ever needed. */
const maxFileBytes = 1024 * 1024;
/** Images that are remembered; the oldest go first. */
const maxImages = 256;

/** Whether a kernel has copies: as root it needs no name. */
export const hasUserFiles = ({ readOnlyRoot, user }: Pick<KernelSpec, 'readOnlyRoot' | 'user'>): boolean =>
  readOnlyRoot && user.uid !== 0;

/** The mounts of the copies, which the container's root can write. */
export function userFileMounts({ users }: Pick<ScratchPaths, 'users'>, kept: UserFiles): readonly ContainerMount[] {
  return names.flatMap((name) =>
    kept[name] === null ? [] : [{ source: join(users, name), target: `/etc/${name}`, readOnly: false }],
  );
}

/**
 * Lays the copies anew, as the image has them; `root` of the container owns them, by its id on this host, null for this
 * process. Throws the system's error.
 */
export async function writeUserFiles(
  { users }: Pick<ScratchPaths, 'users'>,
  kept: UserFiles,
  root: Owner | null,
): Promise<void> {
  await rm(users, { recursive: true, force: true });
  await mkdir(users);
  await chmod(users, 0o755);
  const write = async (name: (typeof names)[number]): Promise<void> => {
    const content = kept[name];
    if (content === null) return;
    const path = join(users, name);
    await writeFile(path, content, { encoding: 'latin1', flag: 'wx' });
    await chmod(path, name === 'shadow' ? 0o600 : 0o644);
    if (root) await chown(path, root.uid, root.gid);
  };
  await Promise.all(names.map(write));
}

/**
 * Reads them from a container that has no mounts. What is a link is left alone: a copy would be mounted where the link
 * leads, over a file of the runner's, say, and it says what the image wants.
 */
export async function readUserFiles(
  engine: Pick<Engine, 'isLink' | 'readFile'>,
  container: ContainerId,
  signal: AbortSignal,
): Promise<UserFiles> {
  const none = { passwd: null, group: null, shadow: null, shells: null };
  if (await engine.isLink(container, '/etc', signal)) return none;
  const read = async (name: (typeof names)[number]): Promise<string | null> => {
    const found = await engine.readFile(container, `/etc/${name}`, maxFileBytes, signal);
    if (found === 'absent') return '';
    return found === 'no-file' ? null : Buffer.from(found).toString('latin1');
  };
  const [passwd, group, shadow, shells] = await Promise.all(names.map(read));
  return { passwd: passwd ?? null, group: group ?? null, shadow: shadow ?? null, shells: shells ?? null };
}

/** What is known of images, a file for each; agents of one state folder may share it. */
export class ImageUsers {
  readonly #folder: string;
  readonly #log: Logger;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Those of an image; null when they are not known. */
  async find(image: string): Promise<UserFiles | null> {
    return readOrNull(userFiles, await readFile(this.#path(image), 'utf8').catch(() => ''));
  }

  /** Remembers them. What cannot be written is read again for the next kernel. */
  async keep(image: string, kept: UserFiles): Promise<void> {
    try {
      await makeFolder(this.#folder, 0o700);
      await this.#makeRoom(basename(this.#path(image)));
      await writeFileAtomic(this.#path(image), JSON.stringify(kept), { durable: false });
    } catch (error) {
      this.#log.warn('the users of an image cannot be remembered', { image, error });
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
