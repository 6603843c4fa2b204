/** The tenant of this kernel: whose ids its processes get, their environment, and where what they leave behind goes. */

import type { StdioOptions } from 'node:child_process';
import { closeSync } from 'node:fs';
import { posix } from 'node:path';
import { systemErrorCode } from '../lib/system-error.ts';
import { asTenant } from './as-tenant.ts';
import type { ContainerLog } from './container-log.ts';
import { OomNotes } from './oom-kills.ts';
import type { PipePool } from './pipe-pool.ts';
import type { TenantCommand } from './runtime.ts';
import type { TaskLog } from './task-log.ts';
import { neverStarted, notStarted, spawnTenant, type TenantProcess } from './tenant-process.ts';
import { type OutputConsumer, OutputReader } from './tenant-streams.ts';

/** Streams of background processes that are read on; older ones are closed when there are more. */
const maxOrphanedStreams = 64;

/** A process with its output streams. */
export interface RunningCommand extends TenantProcess {
  readonly stdout: OutputReader;
  readonly stderr: OutputReader;
}

/** What a tenant is made of. */
export interface TenantOptions {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly pipes: PipePool;
  readonly log: ContainerLog;
}

/** Starts the processes of the tenant. */
export class Tenant {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly pipes: PipePool;
  readonly log: ContainerLog;
  /** The environment of its processes; complete once the image's bootstrap script has run. */
  environ: Readonly<Record<string, string>> = {};
  /** Where what batches print is kept for the user; null where the kernel has no folder for it. */
  taskLog: TaskLog | null = null;
  readonly #orphans: OutputReader[] = [];
  readonly #oomNotes: OomNotes;
  /** Whether the runner could not go back to the home, which the tenant may close to itself. */
  #isAway = false;

  constructor(options: TenantOptions) {
    this.uid = options.uid;
    this.gid = options.gid;
    this.home = options.home;
    this.pipes = options.pipes;
    this.log = options.log;
    this.#oomNotes = new OomNotes(options.log);
  }

  /** Starts a process whose streams the caller made. */
  spawn(command: TenantCommand, stdio: StdioOptions): TenantProcess {
    const environ = { ...this.environ, ...command.environ };
    const start = () => {
      const started = spawnTenant({ argv: command.argv, environ, uid: this.uid, gid: this.gid, stdio });
      void started.exited.then(({ exitCode }) => this.#oomNotes.ended(command.argv[0] ?? '', exitCode));
      return started;
    };
    if (this.#isAway) this.#enterHome();
    if (typeof command.cwd !== 'string') return start();
    const folder = posix.resolve(this.home, command.cwd);
    try {
      // A process inherits the folder of the runner, which is not let in everywhere as itself.
      asTenant(this, () => process.chdir(folder));
    } catch (error) {
      return neverStarted(notStarted(126, `${folder}: cannot be entered (${systemErrorCode(error)})`));
    }
    try {
      return start();
    } finally {
      this.#enterHome();
    }
  }

  #enterHome(): void {
    try {
      asTenant(this, () => process.chdir(this.home));
      this.#isAway = false;
    } catch {
      this.#isAway = true;
    }
  }

  /** Starts a program of the runner's own with the tenant's ids and an environment that the tenant has no part in. */
  spawnBare(argv: readonly string[], environ: Readonly<Record<string, string>>, stdio: StdioOptions): TenantProcess {
    return spawnTenant({ argv, environ, uid: this.uid, gid: this.gid, stdio });
  }

  /**
   * Starts a command with both output streams read. `stdin` is a descriptor, closed here, or null for empty input;
   * `control` adds a socket as descriptor 3.
   */
  async run(
    command: TenantCommand,
    options: {
      readonly stdin: number | null;
      readonly control?: boolean;
      readonly stdout: OutputConsumer;
      readonly stderr: OutputConsumer;
    },
  ): Promise<RunningCommand> {
    const theirs: number[] = options.stdin === null ? [] : [options.stdin];
    const readers: OutputReader[] = [];
    try {
      for (const consumer of [options.stdout, options.stderr]) {
        const ends = await this.pipes.takeForOutput();
        theirs.push(ends.theirs);
        readers.push(new OutputReader(ends.ours, consumer));
      }
      const [stdout, stderr] = readers;
      const [out, err] = theirs.slice(-2);
      if (!stdout || !stderr) throw new Error('unreachable: both readers were just made');
      const extra = options.control ? ['pipe' as const] : [];
      const process = this.spawn(command, [options.stdin ?? 'ignore', out, err, ...extra]);
      return { ...process, stdout, stderr };
    } catch (error) {
      for (const reader of readers) reader[Symbol.dispose]();
      throw error;
    } finally {
      for (const descriptor of theirs) closeSync(descriptor);
    }
  }

  /**
   * Takes over the streams of a process that has ended. A background child may hold them: what it prints goes to the
   * container's log, and it is not stopped by a closed pipe.
   */
  adopt(command: RunningCommand): void {
    for (const reader of [command.stdout, command.stderr]) {
      if (!reader.open) continue;
      reader.redirect((bytes) => {
        this.log.copy(bytes);
        return true;
      });
      this.#orphans.push(reader);
    }
    const alive = this.#orphans.filter((reader) => reader.open);
    for (const reader of alive.splice(0, Math.max(0, alive.length - maxOrphanedStreams))) reader[Symbol.dispose]();
    this.#orphans.splice(0, this.#orphans.length, ...alive);
  }
}
