/** What the measures work on: an engine, a daemon in front of it, and a client of its API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, textField } from './http.ts';
import { RecordingProxy } from './recording-proxy.ts';

const program = path.resolve(import.meta.dirname, '..', 'bin', 'kernelet');
const stateDir = path.resolve(import.meta.dirname, '..', '.cache', 'bench');

/** The stage. Disposing it ends the daemon and removes what it made. */
export class Stage implements AsyncDisposable {
  readonly engineSocket: string;
  readonly socket: string;
  readonly proxy: RecordingProxy;
  readonly environment: NodeJS.ProcessEnv;
  readonly folder: string;
  #daemon: ChildProcess | undefined;

  private constructor(engineSocket: string, folder: string, proxy: RecordingProxy) {
    this.engineSocket = engineSocket;
    this.folder = folder;
    this.proxy = proxy;
    this.socket = path.join(folder, 'api.sock');
    this.environment = {
      ...process.env,
      DOCKER_HOST: `unix://${path.join(folder, 'engine.sock')}`,
      KERNELET_STATE_DIR: stateDir,
      KERNELET_SOCKET: this.socket,
    };
  }

  /** Sets the stage. */
  static async set(dockerHost: string): Promise<Stage> {
    const engineSocket = dockerHost.replace(/^unix:\/\//, '');
    await mkdir(stateDir, { recursive: true });
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-bench-'));
    const proxy = new RecordingProxy(engineSocket);
    await proxy.listen(path.join(folder, 'engine.sock'));
    return new Stage(engineSocket, folder, proxy);
  }

  /** The daemon's pid. */
  get daemonPid(): number {
    if (this.#daemon?.pid === undefined) throw new Error('no daemon is running');
    return this.#daemon.pid;
  }

  /** Starts the daemon; resolves with the milliseconds until its API says that it is ready. */
  async startDaemon(): Promise<number> {
    const begun = performance.now();
    const daemon = spawn(program, ['serve', '--log-level', 'error'], {
      env: this.environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#daemon = daemon;
    for (;;) {
      if (daemon.exitCode !== null) throw new Error(`the daemon ended with status ${daemon.exitCode}`);
      const status = await call(this.socket, 'GET', '/v1/status').catch(() => null);
      if (status !== null && textField(status, 'phase') === 'ready') return performance.now() - begun;
      if (performance.now() - begun > 60_000) throw new Error('the daemon is not ready after a minute');
      await sleep(3);
    }
  }

  /** Ends the daemon; its kernels stay. */
  async stopDaemon(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (!daemon || daemon.exitCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await ended;
  }

  /** Runs `kernelet` to its end; rejects when its status is not 0. */
  async kernelet(...args: readonly string[]): Promise<void> {
    const child = spawn(program, args, { env: this.environment, stdio: ['ignore', 'ignore', 'inherit'] });
    const [status] = await once(child, 'exit');
    if (status !== 0) throw new Error(`kernelet ${args.join(' ')} ended with status ${status}`);
  }

  /** Starts `kernelet` with its output on a pipe. */
  spawnKernelet(...args: readonly string[]): ChildProcess {
    return spawn(program, args, { env: this.environment, stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Creates a kernel and resolves with its id. */
  async create(body: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return textField(await call(this.socket, 'POST', '/v1/kernels', { language: 'python', ...body }), 'id');
  }

  /** Removes a kernel. */
  async destroy(id: string): Promise<void> {
    await call(this.socket, 'DELETE', `/v1/kernels/${id}`);
  }

  /** Resident memory of a process in bytes. */
  async residentBytes(pid = this.daemonPid): Promise<number> {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopDaemon();
    await this.proxy[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
