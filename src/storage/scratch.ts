/**
 * Scratch folders: what of a kernel lies on the host. A removal renames the folder away first, which is atomic and
 * frees the kernel's id at once, and deletes in the background. One that is kept is renamed in the same way.
 */
import { access, chmod, chown, constants, lstat, mkdir, readdir, rename, unlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { syncFolder } from '../lib/atomic-file.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/folders.ts';
import { type KernelId, parseKernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { isSystemError, systemErrorText } from '../lib/system-error.ts';
import { DeletionQueue } from './deletion-queue.ts';
import { giveHomeDisk, homeOwner, mountHomeDisk } from './home-disk.ts';
import { HomeDiskPool } from './home-disk-pool.ts';
import { KeptHomes, type KeptHomesLimits, type Measure, type Space } from './kept-homes.ts';
import { type MemoryHome, mountMemoryHome } from './memory-home.ts';
import type { StateFolder } from './state-folder.ts';

/** The folders of one kernel on the host. */
export interface ScratchPaths {
  readonly root: string;
  /** The tenant's home, mounted at `/home/work`. */
  readonly work: string;
  /** What the kernel may read about itself. */
  readonly config: string;
  /** For root alone: the runner's configuration and socket. */
  readonly run: string;
  /** Its own network files, in place of those of a network that it has joined; absent without one. */
  readonly networkFiles: string;
  /** Its own files that name users, over a root file system that is read-only; absent without one. */
  readonly users: string;
  /** What lies beside the runner's folder in the container, with the sockets that the agent listens on; absent without any. */
  readonly sockets: string;
  /** For the agent alone; not mounted. */
  readonly private: string;
}

/** A user and group of the host. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How a kernel's folder is made. */
export interface FolderOptions {
  /** What its home holds; null = no limit of its own. */
  readonly homeBytes?: number | null;
  /** Whether a limited home is in memory, and not in an image. */
  readonly inMemory?: boolean;
  /** Whom the host knows the container's root as; null = root. */
  readonly root?: Owner | null;
  /** Ends the wait for programs that make and mount a limited home; nothing is put in place afterwards. */
  readonly signal?: AbortSignal;
}

/**
 * Where an agent's scratch folders lie: in the state folder, unless the configuration names a place. That may hold folders of other agents, or of anything
 * else that is named by a UUID, so this agent has a folder of its own in it: what lies there and belongs to no kernel
 * is removed.
 */
export function scratchFolder(
  configured: string | undefined,
  stateDir: string,
  state: Pick<StateFolder, 'scratch' | 'tag'>,
): string {
  if (configured === undefined || resolve(configured) === resolve(stateDir, 'scratch')) return state.scratch;
  return join(configured, `kernelet-${state.tag}`);
}

/** What the folders work with. */
export interface ScratchFoldersParts {
  readonly log: Logger;
  readonly clock?: Clock;
  /** How long folders are kept after an end that nobody asked for. */
  readonly limits: KeptHomesLimits;
  readonly measure: Measure;
  /** How much is free; as the system says when absent. */
  readonly space?: Space;
  /** How many folders with limited homes are kept ready, and of which size to begin with; none when absent. */
  readonly prewarmedHomes?: { readonly count: number; readonly homeBytes: number | null };
}

/** All scratch folders of this agent. */
export class ScratchFolders implements AsyncDisposable {
  readonly #root: string;
  readonly #deletions: DeletionQueue;
  readonly #homes: HomeDiskPool;
  /** Kernels whose folders an earlier process has made, as long as these are there. */
  readonly #found = new Set<KernelId>();
  /** Folders of kernels whose end nobody asked for. */
  readonly kept: KeptHomes;

  constructor(root: string, { log, clock = systemClock, limits, measure, space, prewarmedHomes }: ScratchFoldersParts) {
    this.#root = root;
    this.#deletions = new DeletionQueue(join(root, '.trash'), log, clock);
    this.kept = new KeptHomes({
      ...{ folder: join(root, '.kept'), limits, measure, clock, log },
      ...(space && { space }),
      discard: (path, name) => this.#discard(path, name),
      emptied: () => this.#deletions.settled(),
    });
    this.#homes = new HomeDiskPool({
      ...{ folder: join(root, '.homes'), clock, log },
      target: prewarmedHomes?.count ?? 0,
      homeBytes: prewarmedHomes?.homeBytes ?? null,
      discard: (path, name) => this.#discard(path, name),
    });
  }

  /** Where a kernel's folders are. */
  paths(kernel: KernelId): ScratchPaths {
    const root = join(this.#root, kernel);
    return {
      root,
      work: join(root, 'work'),
      config: join(root, 'config'),
      run: join(root, 'run'),
      networkFiles: join(root, 'names'),
      users: join(root, 'users'),
      sockets: join(root, 'sockets'),
      private: join(root, 'private'),
    };
  }

  /** Makes the root when it is missing, and sees whether kernels can be had there. Throws STATE_UNUSABLE. */
  async prepare(): Promise<void> {
    try {
      await this.#makeRoot();
      await access(this.#root, constants.W_OK | constants.X_OK);
      await refuseForeign(this.#root);
      // Files of kernels say what their tenants keep to themselves. Earlier versions have left it open.
      await chmod(this.#root, 0o700);
      for (const { kernel } of await this.list()) this.#found.add(kernel);
    } catch (error) {
      if (error instanceof KerneletError) throw error;
      throw unusable(
        `the scratch folder ${this.#root} cannot be made or written; container.scratch-root says where it lies`,
        this.#root,
        error,
      );
    }
  }

  /**
   * Makes the folders, with a home that takes so many bytes; what is there already stays. `root` is the container's, where
   * the host has another. Throws STATE_UNUSABLE, NOT_SUPPORTED.
   */
  async create(
    kernel: KernelId,
    tenant: Owner,
    { homeBytes = null, inMemory = false, root = null, signal }: FolderOptions = {},
  ): Promise<void> {
    const paths = this.paths(kernel);
    try {
      await this.#makeRoot();
      if (homeBytes !== null && inMemory)
        await mountMemoryHome(paths.root, { bytes: homeBytes, owner: tenant }, signal);
      else if (homeBytes !== null) {
        await this.#limitHome(kernel, homeBytes, signal);
        await giveHomeDisk(paths.root, tenant);
      }
      // The kernel's user may pass through its root, where the engine makes mounts as that user.
      await makeOne(paths.root, 0o711);
      await Promise.all([
        makeOne(paths.work, 0o755, tenant),
        makeOne(paths.config, 0o755),
        makeOne(paths.run, 0o700, root),
        makeOne(paths.private, 0o700),
      ]);
    } catch (error) {
      signal?.throwIfAborted();
      if (hasCode(error, 'NOT_SUPPORTED')) throw error;
      throw unusable(`cannot make the scratch folder ${paths.root}`, paths.root, error);
    }
  }

  /**
   * Mounts the limited home of a kernel of an earlier process again, if it isn't any more; one in memory is then empty. Throws
   * what `mountHomeDisk` and `mountMemoryHome` throw, and NOT_SUPPORTED where an image is missing.
   */
  async adoptHome(kernel: KernelId, inMemory: MemoryHome | null, signal?: AbortSignal): Promise<void> {
    const { root } = this.paths(kernel);
    if (inMemory) await mountMemoryHome(root, inMemory, signal);
    else if (!(await mountHomeDisk(root, true, signal))) throw withoutImage(root);
  }

  async #limitHome(kernel: KernelId, homeBytes: number, signal: AbortSignal | undefined): Promise<void> {
    const { root } = this.paths(kernel);
    if (await isThere(root)) await this.adoptHome(kernel, null, signal);
    else await this.#homes.place(homeBytes, root, signal);
  }

  /** Takes the folder away; its contents are deleted in the background. An absent one is success. */
  async remove(kernel: KernelId): Promise<void> {
    const { root } = this.paths(kernel);
    try {
      await this.#discard(root, kernel);
      // The record goes next: a folder that a loss of power brought back would be an orphan's, whose files are kept.
      if (await isThere(this.#root)) await syncFolder(this.#root);
    } catch (error) {
      throw unusable(`cannot remove the scratch folder ${root}`, root, error);
    }
  }

  /**
   * Takes away what lies at a path inside of a kernel's folder; a folder, in which there may be anything, is deleted in the
   * background. An absent one is success. Throws the system's error.
   */
  async removeInside(path: string): Promise<void> {
    try {
      await unlink(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return;
      if (!isSystemError(error, 'EISDIR')) throw error;
      await this.#discard(path, basename(path));
    }
  }

  /** Takes the folder away and keeps it for a while, with a note, as far as any are kept. An absent one is success. */
  async keep(kernel: KernelId, note: string): Promise<void> {
    const { root } = this.paths(kernel);
    try {
      if (!(await this.kept.keep(kernel, root, note))) await this.#discard(root, kernel);
    } catch (error) {
      throw unusable(`cannot keep the scratch folder ${root}`, root, error);
    }
  }

  async #discard(path: string, name: string): Promise<void> {
    try {
      await rename(path, await this.#deletions.place(name));
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return;
      throw error;
    }
    this.#deletions.empty();
  }

  /** The kernels that have a folder, with the time of the folder's last change in milliseconds since the epoch. */
  async list(): Promise<readonly { readonly kernel: KernelId; readonly changedAt: number }[]> {
    const found: { kernel: KernelId; changedAt: number }[] = [];
    for (const name of await readdir(this.#root).catch(noneIfAbsent)) {
      const kernel = asKernel(name);
      if (kernel === null) continue;
      const status = await lstat(join(this.#root, name)).catch(() => null);
      if (status) found.push({ kernel, changedAt: status.mtimeMs });
    }
    return found;
  }

  /**
   * The users whose homes lie here without a living kernel: kept ones, and those of kernels whose record is lost or put
   * aside. Throws the system's error.
   */
  async homeOwners(isLiving: (kernel: KernelId) => boolean): Promise<ReadonlySet<number>> {
    const owners = new Set(await this.kept.owners());
    for (const kernel of this.#found) {
      if (isLiving(kernel)) continue;
      const owner = await homeOwner(this.paths(kernel).root);
      if (owner === null) this.#found.delete(kernel);
      else owners.add(owner);
    }
    return owners;
  }

  /** Deletes what an earlier process left to be deleted, and kept homes whose time is over, in the background. */
  tidy(): void {
    this.kept.tidy();
    this.#homes.tidy();
    this.#deletions.empty();
  }

  /** Waits until nothing is to be let go and all is deleted, or cannot be deleted now. */
  async settled(): Promise<void> {
    await this.kept.settled();
    await this.#homes.settled();
    await this.#deletions.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kept[Symbol.asyncDispose]();
    await this.#homes[Symbol.asyncDispose]();
    await this.#deletions[Symbol.asyncDispose]();
  }

  /** The image's own root may make programs with a set-uid bit below: nobody of this host is to come by them. */
  async #makeRoot(): Promise<void> {
    await makeFolder(this.#root, 0o700);
  }
}

/** Where everybody may write, somebody may have made the root before: its owner could lead root's writing elsewhere. */
async function refuseForeign(root: string): Promise<void> {
  const facts = await lstat(root);
  const [own, closed] = [facts.uid === process.geteuid?.(), (facts.mode & 0o022) === 0];
  if (facts.isDirectory() && own && closed) return;
  const why = facts.isDirectory()
    ? own
      ? 'others may write in it'
      : `it belongs to user ${facts.uid}`
    : 'it is a link';
  throw new KerneletError('STATE_UNUSABLE', `the scratch folder ${root} cannot be used: ${why}`, {
    context: { path: root },
  });
}

const withoutImage = (root: string): KerneletError =>
  new KerneletError('NOT_SUPPORTED', `the home in ${root} cannot be limited: it was made without an image`);

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

function unusable(text: string, path: string, cause: unknown): KerneletError {
  const code = systemErrorText(cause);
  return new KerneletError('STATE_UNUSABLE', `${text} (${code})`, { cause, context: { path } });
}

async function makeOne(path: string, mode: number, owner: Owner | null = null): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    if (!isSystemError(error, 'EEXIST')) throw error;
  });
  await chmod(path, mode);
  if (owner && process.geteuid?.() === 0) await chown(path, owner.uid, owner.gid);
}

function asKernel(name: string): KernelId | null {
  try {
    return parseKernelId(name);
  } catch {
    return null;
  }
}

function noneIfAbsent(error: unknown): readonly string[] {
  if (isSystemError(error, 'ENOENT')) return [];
  throw error;
}
