/**
 * A node for tests: a state folder, a socket, a daemon as a process of its own, and the invariant that nothing is left
 * behind, which `[Symbol.asyncDispose]` asserts.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandOptions, kernelet, type Outcome, outcomeOf, sharedVolumes, startKernelet } from './command.ts';
import { assertNothingLeft, type Inventory, inventory } from './inventory.ts';

/** How to set a node up. */
export interface NodeOptions {
  /** TOML of its configuration file. */
  readonly configuration?: string;
  /** The engine's address, when it is not the tests' own (a fault proxy). */
  readonly dockerHost?: string;
}

export class NodeUnderTest implements AsyncDisposable {
  readonly folder: string;
  readonly stateDir: string;
  readonly socket: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly #before: Inventory;
  readonly #configuration: string | undefined;
  #daemon: ChildProcess | undefined;
  #daemonErrors: string[] = [];

  private constructor(folder: string, before: Inventory, configuration: string | undefined, dockerHost: string) {
    this.folder = folder;
    this.stateDir = path.join(folder, 'state');
    this.socket = path.join(folder, 'api.sock');
    this.#before = before;
    this.#configuration = configuration;
    this.environment = {
      KERNELET_STATE_DIR: this.stateDir,
      KERNELET_SOCKET: this.socket,
      KERNELET_VOLUME_DIR: sharedVolumes,
      DOCKER_HOST: dockerHost,
    };
  }

  /** Sets a node up; no daemon runs yet. */
  static async make(options: NodeOptions = {}): Promise<NodeUnderTest> {
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-node-'));
    let configuration: string | undefined;
    if (options.configuration !== undefined) {
      configuration = path.join(folder, 'agent.toml');
      await writeFile(configuration, options.configuration);
    }
    const before = await inventory(path.join(folder, 'state'));
    return new NodeUnderTest(folder, before, configuration, options.dockerHost ?? process.env['DOCKER_HOST'] ?? '');
  }

  /** Sets a node up and starts its daemon. */
  static async started(options: NodeOptions = {}): Promise<NodeUnderTest> {
    const node = await NodeUnderTest.make(options);
    await node.startDaemon();
    return node;
  }

  get pid(): number {
    const pid = this.#daemon?.pid;
    if (pid === undefined) throw new Error('no daemon is running');
    return pid;
  }

  get isServing(): boolean {
    const daemon = this.#daemon;
    return daemon !== undefined && daemon.exitCode === null && daemon.signalCode === null;
  }

  /** What the daemon has written to its standard error. */
  get daemonErrors(): string {
    return this.#daemonErrors.join('');
  }

  /** Starts the daemon and waits until it is ready, or for what `isUp` says of the list of kernels. */
  async startDaemon(isUp: (listing: Outcome) => boolean = ({ status }) => status === 0): Promise<void> {
    const config = this.#configuration ? ['--config', this.#configuration] : [];
    const daemon = startKernelet(['serve', '--log-level', 'warn', ...config], {
      environment: this.environment,
      directory: this.folder,
    });
    daemon.stdin?.end();
    daemon.stdout?.resume();
    daemon.stderr?.on('data', (chunk: Buffer) => this.#daemonErrors.push(chunk.toString()));
    this.#daemon = daemon;
    for (const limit = performance.now() + 60_000; performance.now() < limit; await sleep(30)) {
      if (daemon.exitCode !== null)
        throw new Error(`the daemon ended with status ${daemon.exitCode}: ${this.daemonErrors}`);
      if (isUp(await this.run(['ps', '--json']))) return;
    }
    throw new Error(`the daemon does not get ready: ${this.daemonErrors}`);
  }

  /** Sends the daemon a signal and waits for its end. */
  async endDaemon(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill(signal);
    await ended;
  }

  /** Runs a command on this node. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return kernelet(args, { ...options, environment: { ...this.environment, ...options.environment } });
  }

  /** Starts a command on this node. */
  start(args: readonly string[], options: CommandOptions = {}): { child: ChildProcess; outcome: Promise<Outcome> } {
    const child = startKernelet(args, { ...options, environment: { ...this.environment, ...options.environment } });
    child.stdin?.on('error', () => {});
    return { child, outcome: outcomeOf(child) };
  }

  /** Creates a kernel and returns its id. */
  async create(...args: readonly string[]): Promise<string> {
    const outcome = await this.run(['create', ...args]);
    if (outcome.status !== 0)
      throw new Error(`create ${args.join(' ')} ended with status ${outcome.status}: ${outcome.stderr}`);
    return outcome.text.trim();
  }

  /** Removes every kernel, stops the daemon, and asserts that nothing is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isServing) await this.startDaemon();
    const listed: unknown = JSON.parse((await this.run(['ps', '--json'])).text);
    const ids = Array.isArray(listed) ? listed.map((kernel: { id: string }) => kernel.id) : [];
    if (ids.length > 0) await this.run(['rm', '-f', ...ids]);
    await this.endDaemon('SIGTERM');
    await assertNothingLeft(this.#before, this.stateDir);
    await rm(this.folder, { recursive: true, force: true });
  }
}
