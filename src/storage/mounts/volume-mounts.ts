/**
 * Mounting the volumes of a cluster on this node (spec config-and-ops 19). What is asked for comes over the network, so
 * names stay below the base, arguments are no options, only file systems that the operator allows are mounted, and the only
 * table that is edited is the machine's own.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import { KerneletError } from '../../lib/errors.ts';
import { readMountTable } from '../../lib/mount-table.ts';
import { isSecretName, redactText } from '../../lib/redaction.ts';
import { runProgram } from '../../lib/run-program.ts';
import { KeyedMutex } from '../../lib/semaphore.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { ForeignFiles } from '../file-systems/file-systems.ts';
import { withEntry, withoutEntries } from './fstab.ts';

/** A volume, and where it is to be mounted. */
export interface VolumeMount {
  /** Path of the mount point below the base folder. */
  readonly folder: string;
  readonly location: string;
  readonly fileSystem: string;
  /** As `mount -o` takes them; null: none. */
  readonly options: string | null;
  /** The table that gets an entry; null: none. */
  readonly table: string | null;
}

/** What shall not be mounted any more. */
export interface VolumeUnmount {
  readonly folder: string;
  readonly table: string | null;
}

/** Runs a program with arguments within a time; gives its exit status, −1 when it could not be run or was ended. */
export type RunProgram = (
  program: 'mount' | 'umount',
  args: readonly string[],
  timeoutMs: number,
) => Promise<{ readonly status: number; readonly stderr: string }>;

/** The only table that is edited. */
export const machineTable = '/etc/fstab';

/** Mounts and unmounts volumes, each mount point one after the other. */
export class VolumeMounts {
  readonly #fileSystems: ReadonlySet<string>;
  readonly #files: Pick<ForeignFiles, 'makeFolder'>;
  readonly #run: RunProgram;
  readonly #table: string;
  readonly #locks = new KeyedMutex<string>();
  /** Volumes that come side by side are entries of one table. */
  readonly #edits = new KeyedMutex<string>();

  /** `fileSystems`: those allowed, as `mount -t` takes them. `table`: stands for the machine's own, for tests. */
  constructor(
    fileSystems: readonly string[],
    files: Pick<ForeignFiles, 'makeFolder'>,
    run: RunProgram = runMount,
    table: string = machineTable,
  ) {
    this.#files = files;
    this.#fileSystems = new Set(fileSystems);
    this.#run = run;
    this.#table = table;
  }

  /**
   * Mounts a volume below the base and gives its mount point; one that is there already is success. Throws
   * INVALID_ARGUMENT, FORBIDDEN_MOUNT, FILE_SYSTEM_HUNG, STATE_UNUSABLE, with what `mount` says.
   */
  async mount(base: string, wanted: VolumeMount, timeoutMs: number): Promise<string> {
    const { location, fileSystem } = wanted;
    // Set-id programs and device files of a volume are for no kernel, and count on the host.
    const options = [...(wanted.options ? [wanted.options] : []), 'nosuid', 'nodev'].join(',');
    const mountPoint = below(base, wanted.folder);
    if (!/^[a-z0-9][a-z0-9._-]*$/i.test(fileSystem)) throw invalid(`${JSON.stringify(fileSystem)} is no file system`);
    this.#assertAllowed(mountPoint, fileSystem, wanted.options ?? '');
    for (const [what, text] of [
      ['location', location],
      ['options', options],
    ] as const) {
      // Not what it is: a password may be among the options.
      if (text.startsWith('-') || /[\0\n]/.test(text))
        throw invalid(`the ${what} of ${mountPoint} cannot be an argument`);
    }
    if (!isWhole(wanted.options ?? ''))
      throw invalid(`the options of ${mountPoint} have a quotation mark or a backslash that reaches beyond them`);
    return await this.#locks.run(mountPoint, async () => {
      const there = (await readMountTable()).findLast((mount) => mount.mountPoint === mountPoint);
      if (there?.source !== location) {
        await this.#files.makeFolder(mountPoint).catch((error: unknown) => {
          if (error instanceof KerneletError) throw error;
          throw new KerneletError('STATE_UNUSABLE', String(error), { cause: error });
        });
        const args = ['-t', fileSystem, '-o', options, '--', location, mountPoint];
        await this.#runOrThrow('mount', args, timeoutMs, secretsOf(options));
      }
      const entry = { location, mountPoint, fileSystem, options };
      await this.#edit(wanted.table, (table) => withEntry(table, entry));
      return mountPoint;
    });
  }

  /** Unmounts a volume; what is no mount point is fine. Throws as `mount`. */
  async unmount(base: string, { folder, table }: VolumeUnmount, timeoutMs: number): Promise<string> {
    const mountPoint = below(base, folder);
    return await this.#locks.run(mountPoint, async () => {
      if ((await readMountTable()).some((mount) => mount.mountPoint === mountPoint)) {
        await this.#runOrThrow('umount', ['--', mountPoint], timeoutMs);
      }
      await this.#edit(table, (text) => withoutEntries(text, mountPoint));
      return mountPoint;
    });
  }

  #assertAllowed(mountPoint: string, fileSystem: string, options: string): void {
    const refuse = (what: string): never => {
      throw new KerneletError('FORBIDDEN_MOUNT', `nothing is mounted at ${mountPoint} ${what}`);
    };
    if (!this.#fileSystems.has(fileSystem)) {
      refuse(`as ${fileSystem}: kernelet.volume-file-systems does not name it`);
    }
    // With these `mount` takes a folder of this host, whatever the file system is said to be.
    const moved = options.split(',').find((option) => /^(r?bind|move|remount|x-mount\.|make-)/i.test(option.trim()));
    if (moved) refuse(`with the option ${moved.split('=')[0]}`);
  }

  async #runOrThrow(
    program: 'mount' | 'umount',
    args: readonly string[],
    timeoutMs: number,
    secrets: readonly string[] = [],
  ): Promise<void> {
    const { status, stderr } = await this.#run(program, args, timeoutMs);
    if (status === 0) return;
    const why = redactText(stderr.trim(), secrets) || `status ${status}`;
    throw new KerneletError('STATE_UNUSABLE', `${program}: ${why}`);
  }

  async #edit(table: string | null, change: (text: string) => string): Promise<void> {
    if (table === null) return;
    if (table !== this.#table) throw invalid(`${JSON.stringify(table)} is not ${this.#table}, which alone is edited`);
    using _lock = await this.#edits.acquire(table);
    const before = await readFile(table, 'utf8').catch((error: unknown) => {
      if (isSystemError(error, 'ENOENT')) return '';
      throw new KerneletError('STATE_UNUSABLE', `${table} cannot be read: ${error}`, { cause: error });
    });
    const after = change(before);
    if (after === before) return;
    // Whoever has closed it to others has options with passwords in it.
    const mode = await stat(table).then(
      (facts) => facts.mode & 0o777,
      () => 0o644,
    );
    await writeFileAtomic(`${table}.bak`, before, { mode });
    await writeFileAtomic(table, after, { mode });
  }
}

/** A path below the base, of one or more plain names. Throws INVALID_ARGUMENT. */
function below(base: string, folder: string): string {
  const names = folder.split('/');
  const plain = names.every((name) => name !== '' && name !== '.' && name !== '..' && !name.startsWith('-'));
  if (!plain || /[\0\n]/.test(folder)) throw invalid(`${JSON.stringify(folder)} is no name of a folder`);
  return path.join(base, ...names);
}

/** Whether `mount`, of any version, takes what is added to options for options of their own: in quotation marks it would not. */
const isWhole = (options: string): boolean => options.split('"').length % 2 === 1 && !/\\("|$)/.test(options);

/** Values of options such as `password=x`. */
const secretsOf = (options: string): readonly string[] =>
  options.split(',').flatMap((option) => {
    const [name = '', ...value] = option.split('=');
    return isSecretName(name) ? [value.join('=')] : [];
  });

const invalid = (text: string): KerneletError => new KerneletError('INVALID_ARGUMENT', text);

const runMount: RunProgram = async (program, args, timeoutMs) => {
  const { exitCode, stderr } = await runProgram(program, args, { timeoutMs });
  return { status: exitCode, stderr };
};
