/**
 * Real pipes for tenants' standard streams. Node gives child processes sockets, which a program cannot open again as
 * `/dev/stdout` or `/dev/stdin`. Node cannot make a pipe either, so the volume's busybox makes named ones ahead of
 * need, in root's own folder; each is opened, unlinked and used once.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, unlinkSync } from 'node:fs';
import { KerneletError } from '../lib/errors.ts';

const wanted = 12;
const refillBelow = 6;
const namePrefix = 'pipe-';

/** The two ends of a pipe. The end that the runner keeps does not block; the tenant's does. */
export interface PipeEnds {
  readonly ours: number;
  readonly theirs: number;
}

/** The pool. */
export class PipePool {
  readonly #folder: string;
  readonly #busybox: string;
  #ready: string[] = [];
  #made = 0;
  #filling: Promise<void> | null = null;

  /** Named pipes that an earlier runner left in the folder are removed. */
  constructor(folder: string, busybox: string) {
    this.#folder = folder;
    this.#busybox = busybox;
    for (const name of readdirSync(folder)) if (name.startsWith(namePrefix)) unlinkSync(`${folder}/${name}`);
  }

  /** Makes pipes until there are enough. Throws INTERNAL when they cannot be made. */
  fill(): Promise<void> {
    this.#filling ??= this.#make().finally(() => {
      this.#filling = null;
    });
    return this.#filling;
  }

  /** A pipe that carries the tenant's output to us. Throws INTERNAL. */
  async takeForOutput(): Promise<PipeEnds> {
    const path = await this.#take();
    const ours = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { ours, theirs: this.#openAndUnlink(path, constants.O_WRONLY, ours) };
  }

  /** A pipe that carries our input to the tenant. Throws INTERNAL. */
  async takeForInput(): Promise<PipeEnds> {
    const path = await this.#take();
    // Opening either end alone waits for the other; opening both at once does not.
    const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const ours = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      return { ours, theirs: this.#openAndUnlink(path, constants.O_RDONLY, ours) };
    } finally {
      closeSync(both);
    }
  }

  #openAndUnlink(path: string, flags: number, other: number): number {
    try {
      const descriptor = openSync(path, flags);
      unlinkSync(path);
      return descriptor;
    } catch (error) {
      closeSync(other);
      throw error;
    }
  }

  async #take(): Promise<string> {
    if (this.#ready.length === 0) await this.fill();
    const path = this.#ready.pop();
    if (path === undefined) throw new KerneletError('INTERNAL', 'no pipe could be made for the streams of a program');
    if (this.#ready.length < refillBelow) this.fill().catch(() => {});
    return path;
  }

  async #make(): Promise<void> {
    const paths = Array.from({ length: wanted - this.#ready.length }, () => {
      this.#made += 1;
      return `${this.#folder}/${namePrefix}${this.#made}`;
    });
    // Anyone who holds an end may open it again by /proc/self/fd; nobody else gets past the folder.
    const maker = spawn(this.#busybox, ['mkfifo', '-m', '666', ...paths], { stdio: 'ignore', env: {} });
    await new Promise<void>((resolve, reject) => {
      maker.once('error', (cause) => reject(new KerneletError('INTERNAL', 'busybox mkfifo did not start', { cause })));
      maker.once('exit', (code) =>
        code === 0 ? resolve() : reject(new KerneletError('INTERNAL', `busybox mkfifo ended with status ${code}`)),
      );
    });
    this.#ready.push(...paths);
  }
}
