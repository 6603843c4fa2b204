/**
 * Real pipes for tenants' standard streams. Node gives child processes sockets, which a program cannot open again as
 * `/dev/stdout` or `/dev/stdin`, and named pipes make it wait when it does. Node cannot make a pipe, but a shell makes
 * one for each here-document, and whoever may look into the shell's descriptors can open both ends of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fchmodSync, openSync } from 'node:fs';
import { type Clock, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { isSystemError } from '../lib/system-error.ts';

/** The descriptors that the shell's grammar has for redirections, without the standard ones. */
const makerDescriptors = [3, 4, 5, 6, 7, 8, 9] as const;
const makerScript = `exec ${makerDescriptors.map((descriptor) => `${descriptor}<<E`).join(' ')}
${makerDescriptors.map(() => 'E\n').join('')}echo
read line
`;
const makerTimeoutMs = 10_000;
const refillBelow = 4;

/** The two ends of a pipe. The end that the runner keeps does not block; the tenant's does. */
export interface PipeEnds {
  readonly ours: number;
  readonly theirs: number;
}

/** Keeps a few pipes ready, since making them takes a process. */
export class PipePool {
  readonly #shell: string;
  readonly #clock: Clock;
  /** A descriptor of each pipe that is ready, open both ways so that the pipe lives. */
  readonly #ready: number[] = [];
  #filling: Promise<void> | null = null;

  /** `shell` is one that makes here-documents of pipes, as the volume's busybox does. */
  constructor(shell: string, clock: Clock = systemClock) {
    this.#shell = shell;
    this.#clock = clock;
  }

  /** Makes pipes ahead of need. Throws INTERNAL when they cannot be made. */
  fill(): Promise<void> {
    this.#filling ??= this.#make().finally(() => {
      this.#filling = null;
    });
    return this.#filling;
  }

  /** A pipe that carries the tenant's output to us. Throws INTERNAL. */
  takeForOutput(): Promise<PipeEnds> {
    return this.#take(constants.O_RDONLY, constants.O_WRONLY);
  }

  /** A pipe that carries our input to the tenant. Throws INTERNAL. */
  takeForInput(): Promise<PipeEnds> {
    return this.#take(constants.O_WRONLY, constants.O_RDONLY);
  }

  async #take(ourMode: number, theirMode: number): Promise<PipeEnds> {
    while (this.#ready.length === 0) await this.fill();
    const both = this.#ready.pop();
    if (both === undefined) throw new Error('unreachable: the pool was just filled');
    if (this.#ready.length < refillBelow) this.fill().catch(() => {});
    try {
      const path = `/proc/self/fd/${both}`;
      const ours = openSync(path, ourMode | constants.O_NONBLOCK);
      return { ours, theirs: openOther(path, theirMode, ours) };
    } finally {
      closeSync(both);
    }
  }

  async #make(): Promise<void> {
    const maker = spawn(this.#shell, ['-c', makerScript], { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
    using _timer = this.#clock.after(makerTimeoutMs, () => void maker.kill('SIGKILL'));
    maker.stdin.on('error', () => {
      // It has ended, which is all that its input is for.
    });
    try {
      // Its line says that the pipes are there; its end without one, that they are not.
      await Promise.race([
        once(maker.stdout, 'data'),
        once(maker, 'exit').then(() => Promise.reject(new Error('it ended'))),
      ]);
      for (const descriptor of makerDescriptors) {
        const both = openSync(`/proc/${maker.pid}/fd/${descriptor}`, constants.O_RDWR | constants.O_NONBLOCK);
        this.#ready.push(both);
        openToTenant(both);
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new KerneletError('INTERNAL', `pipes for the streams of programs could not be made: ${reason}`, { cause });
    } finally {
      maker.stdin.end();
      maker.stdout.destroy();
    }
  }
}

/**
 * For the tenant to open its streams again by /proc/self/fd; nobody else gets to see them. gVisor changes no mode of a pipe:
 * programs there write to the streams that they have.
 */
function openToTenant(pipe: number): void {
  try {
    fchmodSync(pipe, 0o666);
  } catch (error) {
    if (!isSystemError(error, 'EPERM')) throw error;
  }
}

function openOther(path: string, mode: number, first: number): number {
  try {
    return openSync(path, mode);
  } catch (error) {
    closeSync(first);
    throw error;
  }
}
