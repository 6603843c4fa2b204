/** A mounted file system with the file `data/hello`, which hangs while a test says so. Needs root and `/dev/fuse`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

const startMs = 20_000;

export class HangingFileSystem implements AsyncDisposable {
  readonly mountPoint: string;
  readonly #server: ChildProcess;

  private constructor(mountPoint: string, server: ChildProcess) {
    this.mountPoint = mountPoint;
    this.#server = server;
  }

  /** Mounts it on a folder, which is made. */
  static async mount(folder: string): Promise<HangingFileSystem> {
    await mkdir(folder, { recursive: true });
    const server = spawn(process.execPath, [join(import.meta.dirname, 'fuse-server.ts'), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(server, 'exit').then(([status]) => {
      throw new Error(`the server of ${folder} ended with status ${status}`);
    });
    ended.catch(() => {});
    const { stdout } = server;
    await Promise.race([once(stdout, 'data', { signal: AbortSignal.timeout(startMs) }), ended]);
    return new HangingFileSystem(folder, server);
  }

  /** Its folder `data`, for mounts. */
  get data(): string {
    return join(this.mountPoint, 'data');
  }

  /** From here on nobody who asks it gets an answer. `takes`: it takes the requests, and whoever waits cannot be killed. */
  hang({ takes }: { readonly takes: boolean } = { takes: false }): void {
    this.#server.kill(takes ? 'SIGUSR2' : 'SIGSTOP');
  }

  /** Answers whoever waits, and goes on. */
  goOn(): void {
    this.#server.kill('SIGCONT');
    this.#server.kill('SIGUSR1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#server, 'exit');
    // With its server all who wait for it get an error.
    this.#server.kill('SIGKILL');
    await ended;
    const done = spawnSync('umount', ['-l', this.mountPoint], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`umount ${this.mountPoint}: ${done.stderr}`);
  }
}
