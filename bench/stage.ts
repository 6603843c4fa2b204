/** What the measures work on: an engine, a daemon, a client of its API, and containers made bare beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, textField } from './http.ts';
import { RecordingProxy, type Rewrite } from './recording-proxy.ts';

const program = path.resolve(import.meta.dirname, '..', 'bin', 'kernelet');
const cache = path.resolve(import.meta.dirname, '..', '.cache');
const readyWithinMs = 60_000;

/** What tells a stage from others that there are at the same time. */
export interface StageOptions {
  /** The name of its state folder, when others have one at the same time. */
  readonly name?: string;
  /** The daemon's configuration file; what is there on the machine when absent. */
  readonly settings?: string;
  /** What becomes of the bodies of kernels' containers on their way to the engine, where the daemon is recorded. */
  readonly rewrite?: Rewrite;
}

/** The stage. Disposing it removes every kernel and container, ends the daemon and removes what it made. */
export class Stage implements AsyncDisposable {
  readonly engineSocket: string;
  readonly socket: string;
  readonly proxy: RecordingProxy;
  readonly folder: string;
  readonly #stateDir: string;
  readonly #bare = new Set<string>();
  #daemon: ChildProcess | undefined;
  #hasSettings = false;

  private constructor(engineSocket: string, folder: string, stateDir: string, proxy: RecordingProxy) {
    this.engineSocket = engineSocket;
    this.folder = folder;
    this.#stateDir = stateDir;
    this.proxy = proxy;
    this.socket = path.join(folder, 'api.sock');
  }

  static async set(dockerHost: string, { name = 'bench', settings, rewrite }: StageOptions = {}): Promise<Stage> {
    const engineSocket = dockerHost.replace(/^unix:\/\//, '');
    const stateDir = path.join(cache, name);
    await mkdir(stateDir, { recursive: true });
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-bench-'));
    const proxy = new RecordingProxy(engineSocket, rewrite);
    const stage = new Stage(engineSocket, folder, stateDir, proxy);
    if (settings !== undefined) await writeFile(stage.#settingsFile, settings);
    stage.#hasSettings = settings !== undefined;
    await proxy.listen(stage.proxySocket);
    return stage;
  }

  /** Where requests to the engine pass the recording proxy. */
  get proxySocket(): string {
    return path.join(this.folder, 'engine.sock');
  }

  get #settingsFile(): string {
    return path.join(this.folder, 'agent.toml');
  }

  get daemonPid(): number {
    if (this.#daemon?.pid === undefined) throw new Error('no daemon is running');
    return this.#daemon.pid;
  }

  /**
   * Starts the daemon, a running one ended first; resolves with the milliseconds until its API says that it is ready.
   * `recorded`: its requests to the engine pass the recording proxy, which costs each about half a millisecond. What a
   * benchmark that was killed left is removed.
   */
  async startDaemon({ recorded = false } = {}): Promise<number> {
    await this.stopDaemon();
    const begun = performance.now();
    const settings = this.#hasSettings ? ['--config', this.#settingsFile] : [];
    const daemon = spawn(program, ['serve', '--log-level', 'error', ...settings], {
      env: this.#environment(recorded ? this.proxySocket : this.engineSocket),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#daemon = daemon;
    for (;;) {
      if (daemon.exitCode !== null) throw new Error(`the daemon ended with status ${daemon.exitCode}`);
      const status = await call(this.socket, 'GET', '/v1/status').catch(() => null);
      if (status !== null && textField(status, 'phase') === 'ready') break;
      if (performance.now() - begun > readyWithinMs) throw new Error('the daemon is not ready after a minute');
      await sleep(3);
    }
    const took = performance.now() - begun;
    await this.#removeKernels();
    return took;
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
    const child = spawn(program, args, { env: this.#environment(), stdio: ['ignore', 'ignore', 'inherit'] });
    const [status] = await once(child, 'exit');
    if (status !== 0) throw new Error(`kernelet ${args.join(' ')} ended with status ${status}`);
  }

  /** Starts `kernelet` with its output on a pipe. */
  spawnKernelet(...args: readonly string[]): ChildProcess {
    return spawn(program, args, { env: this.#environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Creates a kernel and resolves with its id. */
  async create(): Promise<string> {
    return textField(await call(this.socket, 'POST', '/v1/kernels', { language: 'python' }), 'id');
  }

  async destroy(id: string): Promise<void> {
    await call(this.socket, 'DELETE', `/v1/kernels/${id}`);
  }

  /** Makes a container by the engine itself and starts it. */
  async startBare(body: unknown): Promise<string> {
    const id = textField(await call(this.engineSocket, 'POST', '/v1.41/containers/create', body), 'Id');
    this.#bare.add(id);
    await call(this.engineSocket, 'POST', `/v1.41/containers/${id}/start`);
    return id;
  }

  /** Kills and removes such a container. */
  async destroyBare(id: string): Promise<void> {
    await call(this.engineSocket, 'POST', `/v1.41/containers/${id}/kill`);
    await call(this.engineSocket, 'DELETE', `/v1.41/containers/${id}?force=true&v=true`);
    this.#bare.delete(id);
  }

  /** Resident memory of the daemon in bytes. */
  residentBytes(): Promise<number> {
    return this.#statusBytes('VmRSS');
  }

  /** The most resident memory of the daemon since `forgetPeak`, in bytes: the system's own count, which misses nothing. */
  peakResidentBytes(): Promise<number> {
    return this.#statusBytes('VmHWM');
  }

  /** Begins to count the peak anew. */
  async forgetPeak(): Promise<void> {
    await writeFile(`/proc/${this.daemonPid}/clear_refs`, '5');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#bare) await call(this.engineSocket, 'DELETE', `/v1.41/containers/${id}?force=true&v=true`);
    if (this.#daemon) await this.#removeKernels();
    await this.stopDaemon();
    await this.proxy[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }

  #environment(engineSocket = this.engineSocket): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DOCKER_HOST: `unix://${engineSocket}`,
      KERNELET_STATE_DIR: this.#stateDir,
      KERNELET_SOCKET: this.socket,
    };
  }

  async #removeKernels(): Promise<void> {
    const list = JSON.stringify(await call(this.socket, 'GET', '/v1/kernels'));
    for (const [, id] of list.matchAll(/"id":"([0-9a-f-]{36})"/g)) {
      await call(this.socket, 'DELETE', `/v1/kernels/${id}?force=true`);
    }
  }

  async #statusBytes(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const text = await readFile(`/proc/${this.daemonPid}/status`, 'utf8');
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1];
    if (kilobytes === undefined) throw new Error(`the system does not tell ${field} of the daemon`);
    return Number(kilobytes) * 1024;
  }
}
