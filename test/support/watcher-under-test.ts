/**
 * `kernelet watcher` as it is installed, with a view of the file systems of its own, so that what it mounts and writes into
 * `/etc` is gone with it. Needs root.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { program } from './command.ts';

export interface WatcherUnderTestOptions {
  /** A folder of the test's, which gets a copy of `/etc`. */
  readonly folder: string;
  readonly configFile: string;
  readonly port: number;
  readonly token: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const startMs = 30_000;
const endMs = 60_000;

export class WatcherUnderTest implements AsyncDisposable {
  readonly #options: WatcherUnderTestOptions;
  readonly #child: ChildProcess;
  #log = '';

  private constructor(options: WatcherUnderTestOptions, child: ChildProcess) {
    this.#options = options;
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
  }

  /** Starts it, and waits until it answers. */
  static async start(options: WatcherUnderTestOptions): Promise<WatcherUnderTest> {
    const etc = path.join(options.folder, 'etc');
    spawnSync('cp', ['-a', '-n', '/etc', etc]);
    const script = 'mount --bind "$1" /etc && shift && exec "$@"';
    const command = [program, 'watcher', '--config', options.configFile];
    const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', etc, ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...options.environment },
    });
    const watcher = new WatcherUnderTest(options, child);
    for (const limit = performance.now() + startMs; !watcher.#log.includes('listening'); await sleep(50)) {
      if (child.exitCode !== null || performance.now() > limit) {
        throw new Error(`the watcher does not listen: status ${child.exitCode}: ${watcher.#log.slice(-3000)}`);
      }
    }
    return watcher;
  }

  get log(): string {
    return this.#log;
  }

  /** Where it reads and writes `/etc/NAME`. */
  etc(name: string): string {
    return path.join(this.#options.folder, 'etc', name);
  }

  /** What it has mounted at a place, and how; undefined: nothing. */
  mountAt(place: string): string | undefined {
    const table = readFileSync(`/proc/${this.#child.pid}/mountinfo`, 'utf8').split('\n');
    return table.find((line) => line.split(' ')[4] === place);
  }

  /** In bytes. */
  get memory(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  async ask(method: string, place: string, body?: object): Promise<{ readonly status: number; readonly text: string }> {
    const { port, token } = this.#options;
    const reply = await fetch(`http://127.0.0.1:${port}${place}`, {
      method,
      headers: { 'X-BackendAI-Watcher-Token': token },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: reply.status, text: await reply.text() };
  }

  /** What the watcher tells of the agent: a state of systemd, and the process, if there is one. */
  async agent(): Promise<{ readonly state: string; readonly pid: number | null; readonly restarts: number }> {
    return JSON.parse((await this.ask('GET', '/agent/status')).text);
  }

  /** Sends a signal, and gives the status with which it ended. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit', { signal: AbortSignal.timeout(endMs) });
      this.#child.kill(signal);
      await ended;
    }
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM');
  }
}
