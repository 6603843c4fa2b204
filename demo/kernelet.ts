/** Runs `bin/kernelet` as a user does: one process a command, with everything it printed and how it ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** How to run a command. */
export interface RunOptions {
  /** Written to its standard input, which then ends. */
  readonly input?: string;
  /** Its progress is shown on this process's standard error. */
  readonly showProgress?: boolean;
}

const program = path.resolve(import.meta.dirname, '..', 'bin', 'kernelet');

/** `kernelet` with one state folder, one socket and one engine. */
export class Kernelet implements AsyncDisposable {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #running = new Set<ChildProcess>();
  #ended = false;

  constructor(places: { readonly stateDir: string; readonly socket: string; readonly dockerHost: string }) {
    this.#environment = {
      ...process.env,
      KERNELET_STATE_DIR: places.stateDir,
      KERNELET_SOCKET: places.socket,
      DOCKER_HOST: places.dockerHost,
    };
  }

  /**
   * Starts a command and leaves it running. Its process group is its own, so that Ctrl-C reaches the tour first. Throws
   * after the disposal.
   */
  start(args: readonly string[], stdio: 'pipe' | 'ignore' = 'pipe'): ChildProcess {
    if (this.#ended) throw new Error('the tour has ended');
    const child = spawn(program, args, { env: this.#environment, stdio: [stdio, stdio, stdio], detached: true });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const begun = performance.now();
    const child = this.start(args);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr.push(chunk);
      if (options.showProgress) process.stderr.write(chunk);
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    const [status] = await once(child, 'close');
    return {
      status: typeof status === 'number' ? status : 1,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
      ms: performance.now() - begun,
    };
  }

  /** Starts nothing any more and ends what is still running: SIGTERM, then SIGKILL after five seconds. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await Promise.all(
      [...this.#running].map(async (child) => {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
        await ended;
        clearTimeout(timer);
      }),
    );
  }
}
