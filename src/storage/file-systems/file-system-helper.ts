/**
 * A process for the calls to one file system, which is ended when one of them hangs. While the file system hangs, calls are
 * refused at once, and it is asked again and again whether it answers; there are never more than two processes, since one
 * that waits in there may not end before it does.
 */
import type { Clock, Timer } from '../../lib/clock.ts';
import { hasCode, KerneletError } from '../../lib/errors.ts';
import { programFile } from '../../lib/installation.ts';
import type { Logger } from '../../lib/log.ts';
import { ModuleHost } from '../../lib/module-host/module-host.ts';
import type { Mount } from '../../lib/mount-table.ts';

/** A file system that does not answer. */
export interface HungFileSystem {
  readonly mountPoint: string;
  /** In the words of the table of mounts: `nfs4`. */
  readonly fileSystem: string;
  /** In milliseconds since the epoch. */
  readonly since: number;
}

/** What a helper works with. */
export interface FileSystemHelperParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** For each call, the start of the process included. */
  readonly timeoutMs: number;
  /** Between two questions whether one that hangs answers again. */
  readonly probeMs: number;
  /** Whether it is mounted still. */
  readonly isMounted: (mountPoint: string) => Promise<boolean>;
}

/** One that hangs, and one that asks whether it does still. */
const maxProcesses = 2;

export class FileSystemHelper implements AsyncDisposable {
  readonly #mount: Mount;
  readonly #parts: FileSystemHelperParts;
  readonly #host: ModuleHost;
  #underWay = 0;
  #usedAt: number;
  #hungSince: number | null = null;
  #nextProbe: Timer | null = null;
  #isDisposed = false;

  constructor(mount: Mount, parts: FileSystemHelperParts) {
    this.#mount = mount;
    this.#parts = parts;
    const { clock, log, timeoutMs } = parts;
    const specifier = programFile('storage/file-systems/file-calls');
    const title = `the helper of the file system at ${mount.mountPoint}`;
    this.#host = new ModuleHost({ specifier, from: specifier, title, log, timeoutMs, clock, hangsAsOne: true });
    this.#usedAt = clock.monotonic();
  }

  /** null: it answers, as far as is known. */
  get hung(): HungFileSystem | null {
    const { mountPoint, fileSystem } = this.#mount;
    return this.#hungSince === null ? null : { mountPoint, fileSystem, since: this.#hungSince };
  }

  /** When it was last asked for something, by the monotonic clock; null while it is, and while its file system hangs. */
  get idleSince(): number | null {
    return this.#underWay > 0 || this.#hungSince !== null ? null : this.#usedAt;
  }

  /** Answers JSON. Throws FILE_SYSTEM_HUNG, naming `path`, for whose sake it is called. */
  async call(method: string, argument: unknown, path: string): Promise<string> {
    if (this.#hungSince !== null) throw this.#refusal(path);
    this.#underWay += 1;
    try {
      return await this.#host.call(method, argument);
    } catch (error) {
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      this.#hangs();
      throw this.#refusal(path, error);
    } finally {
      this.#underWay -= 1;
      this.#usedAt = this.#parts.clock.monotonic();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#nextProbe?.[Symbol.dispose]();
    await this.#host[Symbol.asyncDispose]();
  }

  #hangs(): void {
    if (this.#hungSince !== null || this.#isDisposed) return;
    const { clock, log } = this.#parts;
    this.#hungSince = clock.now();
    const { mountPoint, fileSystem } = this.#mount;
    log.error('a file system does not answer: what lies on it is refused until it does', { mountPoint, fileSystem });
    this.#probeLater();
  }

  #probeLater(): void {
    if (this.#isDisposed) return;
    const { clock, probeMs } = this.#parts;
    this.#nextProbe = clock.after(probeMs, () => void this.#probe());
    this.#nextProbe.unref();
  }

  /** Never rejects. */
  async #probe(): Promise<void> {
    const { log, isMounted } = this.#parts;
    const { mountPoint } = this.#mount;
    try {
      if (await isMounted(mountPoint)) {
        if (this.#host.processes >= maxProcesses) return this.#probeLater();
        await this.#host.call('probe', { path: mountPoint });
      }
    } catch (error) {
      log.debug('a file system does not answer yet', { mountPoint, error });
      return this.#probeLater();
    }
    this.#hungSince = null;
    this.#usedAt = this.#parts.clock.monotonic();
    log.info('a file system answers again, or is not mounted any more', { mountPoint });
  }

  #refusal(path: string, cause?: unknown): KerneletError {
    const { mountPoint, fileSystem } = this.#mount;
    const since = new Date(this.#hungSince ?? this.#parts.clock.now()).toISOString();
    return new KerneletError(
      'FILE_SYSTEM_HUNG',
      `${path} cannot be used: the file system at ${mountPoint} (${fileSystem}) has not answered since ${since}: bring its server back, or unmount it with \`umount -l ${mountPoint}\``,
      { context: { path, mountPoint }, ...(cause === undefined ? {} : { cause }) },
    );
  }
}
