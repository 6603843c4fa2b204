/** The command line in one process with its tests: streams in memory, and the real API on a socket over the dummy engine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { KernelView } from '../../src/agent/agent.ts';
import type { CommandEntry } from '../../src/cli/command.ts';
import type { CliHost, CliIo, CliSignal, InputPort, LocalAgent, OutputPort } from '../../src/cli/host.ts';
import { runCli } from '../../src/cli/program.ts';
import type { ConfigFlags } from '../../src/config/environment.ts';
import { createApp } from '../../src/http/app.ts';
import { type ApiServer, startApiServer } from '../../src/http/server.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { refusedSettings } from '../../src/main/check-settings.ts';
import { openEngine } from '../../src/main/engine-backends.ts';
import { FakeAgent } from './fake-agent.ts';

export class MemoryOutput implements OutputPort {
  isTerminal = false;
  columns = 80;
  rows = 24;
  /** Every write from now on rejects with it. */
  failure: Error | null = null;
  readonly chunks: Buffer[] = [];

  async write(data: Uint8Array | string): Promise<void> {
    if (this.failure) throw this.failure;
    this.chunks.push(Buffer.from(data));
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

export class MemoryInput implements InputPort {
  isTerminal = false;
  inForeground = true;
  pieces: (string | Uint8Array)[] = [];
  /** Whether the input stays open behind the pieces. */
  open = false;
  silenced = 0;
  /** How often it was made raw, and is raw now. */
  readonly raws = { made: 0, held: 0 };

  async *chunks(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const piece of this.pieces) yield Buffer.from(piece);
    if (this.open && !signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }

  raw(): Disposable {
    this.raws.made += 1;
    this.raws.held += 1;
    return {
      [Symbol.dispose]: () => {
        this.raws.held -= 1;
      },
    };
  }

  silence(): Disposable {
    this.silenced += 1;
    return {
      [Symbol.dispose]: () => {
        this.silenced -= 1;
      },
    };
  }
}

/** Thrown where the real process would be gone. */
export class DiedBySignal extends Error {
  readonly signal: CliSignal;

  constructor(signal: CliSignal) {
    super(`died by ${signal}`);
    this.signal = signal;
  }
}

export class MemoryIo implements CliIo {
  readonly stdin = new MemoryInput();
  readonly stdout = new MemoryOutput();
  readonly stderr = new MemoryOutput();
  environ: Record<string, string> = {};
  workingDirectory = '/';
  userId = 0;
  homeDirectory = '/nowhere';
  clock: Clock = systemClock;
  readonly #listeners = new Map<CliSignal, Set<() => void>>();

  onSignal(signal: CliSignal, listener: () => void): Disposable {
    const listeners = this.#listeners.get(signal) ?? new Set();
    this.#listeners.set(signal, listeners.add(listener));
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** Whether others see the program's name alone. */
  hidesArguments = false;

  hideArguments(): void {
    this.hidesArguments = true;
  }

  dieBySignal(signal: CliSignal): never {
    throw new DiedBySignal(signal);
  }

  /** Whether somebody listens to a signal. */
  listens(signal: CliSignal): boolean {
    return (this.#listeners.get(signal)?.size ?? 0) > 0;
  }

  /** Sends this process a signal. */
  send(signal: CliSignal): void {
    for (const listener of this.#listeners.get(signal) ?? []) listener();
  }
}

export interface CliOutcome {
  readonly status: number | CliSignal;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder, an agent on the dummy engine, and its API on a socket. */
export class CliUnderTest implements AsyncDisposable {
  readonly folder: string;
  readonly agent: FakeAgent;
  /** What `serve` was called with. */
  readonly served: ConfigFlags[] = [];
  /** What `serve` rejects with; null: it ends as it was told to. */
  serveFailure: Error | null = null;
  #server: ApiServer | undefined;

  private constructor(folder: string, agent: FakeAgent) {
    this.folder = folder;
    this.agent = agent;
  }

  /** Makes the folder; no daemon runs yet. */
  static async withoutDaemon(): Promise<CliUnderTest> {
    return new CliUnderTest(await mkdtemp(join(tmpdir(), 'kernelet-cli-')), await FakeAgent.start());
  }

  /** Makes the folder and starts the API. */
  static async started(): Promise<CliUnderTest> {
    const made = await CliUnderTest.withoutDaemon();
    await made.startDaemon();
    return made;
  }

  get socket(): string {
    return join(this.folder, 'api.sock');
  }

  async startDaemon(): Promise<void> {
    this.#server = await startApiServer(
      createApp({ agent: this.agent, version: '0', logger: silentLogger }),
      this.socket,
      silentLogger,
    );
  }

  async stopDaemon(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** A process in this folder that finds the socket. */
  io(): MemoryIo {
    const io = new MemoryIo();
    io.workingDirectory = this.folder;
    io.environ = { KERNELET_SOCKET: this.socket, KERNELET_STATE_DIR: join(this.folder, 'state') };
    return io;
  }

  /** The host of the command line: its own agent is the same one. */
  host(io: CliIo): CliHost {
    return {
      version: '1.2.3',
      io,
      serve: async (options) => {
        this.served.push(options);
        if (this.serveFailure) throw this.serveFailure;
        return 0;
      },
      refusedSettings,
      openEngine: async (settings) => openEngine(settings),
      startLocalAgent: async (): Promise<LocalAgent> => {
        this.agent.calls.push('started in process');
        const app = createApp({ agent: this.agent, version: '0', logger: silentLogger });
        return {
          fetch: async (request, signal) => await app.fetch(request, { leaving: signal }),
          [Symbol.asyncDispose]: async () => void this.agent.calls.push('ended in process'),
        };
      },
    };
  }

  /** Runs a command line to its end. */
  async run(args: readonly string[], io = this.io(), more: readonly CommandEntry[] = []): Promise<CliOutcome> {
    const status = await runCli(args, this.host(io), more).catch((error: unknown) => {
      if (error instanceof DiedBySignal) return error.signal;
      throw error;
    });
    return { status, stdout: io.stdout.text, stderr: io.stderr.text };
  }

  /** Runs a command line with `--json` to its end, which has to be a success with one document on one line. */
  async document<T>(...args: readonly string[]): Promise<T> {
    const { status, stdout } = await this.run([...args, '--json']);
    expect([status, stdout.match(/\n/g)?.length]).toEqual([0, 1]);
    return JSON.parse(stdout) as T;
  }

  /** From now on a kernel is shown so. */
  changeKernel(id: string, changes: Partial<KernelView>): void {
    const changed = (view: KernelView): KernelView => (view.id === id ? { ...view, ...changes } : view);
    const [inspect, list] = [this.agent.inspect.bind(this.agent), this.agent.list.bind(this.agent)];
    this.agent.inspect = async (asked) => changed(await inspect(asked));
    this.agent.list = async (options) => (await list(options)).map(changed);
  }

  /** Creates a kernel and gives its id. */
  async kernel(): Promise<string> {
    return (await this.run(['create', '--lang', 'python'])).stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopDaemon();
    await this.agent[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
