/**
 * Files on file systems that somebody else may let hang: network storage, user space, whatever is mounted. A call to one that
 * hangs holds a thread of this process for as long as it does, and there are four. So each file system is asked by a process
 * of its own, with a deadline; that of the root folder is asked directly, since with it the whole machine hangs.
 */
import { basename, dirname, join } from 'node:path';
import type { Clock, Timer } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { type Mount, mountOf, readMountTable } from '../../lib/mount-table.ts';
import { makeFolder, read, removeEmptyFolder, walk } from './file-calls.ts';
import { FileSystemHelper, type HungFileSystem } from './file-system-helper.ts';
import { type FoundFile, findFile, refusal } from './path-walk.ts';

/** What others use of them. */
export type ForeignFiles = Pick<FileSystems, 'find' | 'read' | 'makeFolder'>;

/** What they work with, and bounds that tests narrow. */
export interface FileSystemsParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** The table of mounts; that of this process when absent. */
  readonly readTable?: () => Promise<readonly Mount[]>;
  /** For each call; 10 s when absent. */
  readonly timeoutMs?: number;
  /** Between two questions whether one that hangs answers again; 5 s when absent. */
  readonly probeMs?: number;
  /** How many have a process at the same time; 16 when absent. */
  readonly maxHelpers?: number;
}

const usualTimeoutMs = 10_000;
const usualProbeMs = 5_000;
const usualMaxHelpers = 16;
const idleMs = 10 * 60_000;

export class FileSystems implements AsyncDisposable {
  readonly #parts: FileSystemsParts;
  /** By mount point; one goes when its file system was not asked for 10 minutes. */
  readonly #helpers = new Map<string, FileSystemHelper>();
  /** One reads it for all whose calls begin at the same time. */
  #table: Promise<readonly Mount[]> | null = null;
  #idleTimer: Timer | null = null;

  constructor(parts: FileSystemsParts) {
    this.#parts = parts;
  }

  /** Those that do not answer, as far as they were asked. */
  get hung(): readonly HungFileSystem[] {
    return [...this.#helpers.values()].flatMap((helper) => helper.hung ?? []);
  }

  /**
   * Follows an absolute path. Throws an error with the system's code, such as ENOENT, FILE_SYSTEM_HUNG for a file system that
   * does not answer, and OVERLOADED when too many are in use.
   */
  async find(path: string): Promise<FoundFile> {
    const table = await this.#readTable();
    return await findFile(path, table, (mount, folder, names) =>
      this.#ask(mount, 'walk', walk, { folder, names }, path),
    );
  }

  /** The text of a file below a folder that no link leads out of. Throws as `find` and as `readFileWithin`. */
  async read(folder: string, path: string, maxBytes: number): Promise<string> {
    const above = (await this.find(folder)).path;
    const place = join(folder, path);
    const mount = mountOf(join(above, path), await this.#readTable());
    const answer = await this.#ask(mount, 'read', read, { folder: above, path, maxBytes }, place);
    if ('unfit' in answer) throw new Error(answer.unfit);
    if ('refused' in answer) throw refusal(answer.refused, place);
    return Buffer.from(answer.base64, 'base64').toString('utf8');
  }

  /** Makes a folder in one that is there, or finds it there. Throws as `find`. */
  async makeFolder(path: string): Promise<void> {
    const above = (await this.find(dirname(path))).path;
    const mount = mountOf(above, await this.#readTable());
    const { refused } = await this.#ask(mount, 'makeFolder', makeFolder, { path: join(above, basename(path)) }, path);
    if (refused !== null) throw refusal(refused, path);
  }

  /** Removes a folder, unless something is in it or it is gone. Throws as `find`. */
  async removeEmptyFolder(path: string): Promise<void> {
    const above = (await this.find(dirname(path))).path;
    const mount = mountOf(above, await this.#readTable());
    const place = { path: join(above, basename(path)) };
    const { refused } = await this.#ask(mount, 'removeEmptyFolder', removeEmptyFolder, place, path);
    if (refused !== null) throw refusal(refused, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idleTimer?.[Symbol.dispose]();
    await Promise.all([...this.#helpers.values()].map((helper) => helper[Symbol.asyncDispose]()));
  }

  /** Asks a helper for what `call` does, whose name is `method`. */
  async #ask<Argument, Answer>(
    mount: Mount | undefined,
    method: string,
    call: (argument: Argument) => Promise<Answer>,
    argument: Argument,
    path: string,
  ): Promise<Answer> {
    if (!mount || mount.mountPoint === '/') return await call(argument);
    // It runs the same function.
    return JSON.parse(await this.#helperOf(mount).call(method, argument, path));
  }

  #helperOf(mount: Mount): FileSystemHelper {
    const there = this.#helpers.get(mount.mountPoint);
    if (there) return there;
    const { maxHelpers = usualMaxHelpers } = this.#parts;
    if (this.#helpers.size >= maxHelpers) this.#endOldest();
    const { timeoutMs = usualTimeoutMs, probeMs = usualProbeMs, clock, log } = this.#parts;
    const isMounted = async (mountPoint: string): Promise<boolean> =>
      (await this.#readTable()).some((one) => one.mountPoint === mountPoint);
    const helper = new FileSystemHelper(mount, { clock, log, timeoutMs, probeMs, isMounted });
    this.#helpers.set(mount.mountPoint, helper);
    this.#idleTimer ??= this.#endIdleLater();
    return helper;
  }

  /** Throws OVERLOADED when none is idle. */
  #endOldest(): void {
    const [oldest] = this.#idle().sort((left, right) => left.since - right.since);
    if (oldest) {
      this.#end(oldest.mountPoint);
      return;
    }
    const hung = this.hung.map(({ mountPoint }) => mountPoint).join(', ');
    throw new KerneletError(
      'OVERLOADED',
      `${this.#helpers.size} file systems are in use already, of which these do not answer: ${hung || 'none'}; unmount them, or try again`,
    );
  }

  #endIdleLater(): Timer {
    const { clock } = this.#parts;
    const timer = clock.after(idleMs, () => {
      for (const { mountPoint, since } of this.#idle()) {
        if (clock.monotonic() - since >= idleMs) this.#end(mountPoint);
      }
      this.#idleTimer = this.#helpers.size > 0 ? this.#endIdleLater() : null;
    });
    timer.unref();
    return timer;
  }

  #idle(): { readonly mountPoint: string; readonly since: number }[] {
    return [...this.#helpers].flatMap(([mountPoint, { idleSince: since }]) =>
      since === null ? [] : { mountPoint, since },
    );
  }

  #end(mountPoint: string): void {
    const helper = this.#helpers.get(mountPoint);
    this.#helpers.delete(mountPoint);
    helper?.[Symbol.asyncDispose]().catch(() => {});
  }

  #readTable(): Promise<readonly Mount[]> {
    this.#table ??= (this.#parts.readTable ?? readMountTable)().finally(() => {
      this.#table = null;
    });
    return this.#table;
  }
}
