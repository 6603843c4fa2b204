/**
 * A daemon as a member of a cluster: the built program with real etcd, Redis and engine, and what a manager would see of
 * it. Its end asserts that nothing is left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisLink } from '../../../src/backendai/redis/link.ts';
import { decodePlain } from '../../../src/backendai/wire/extension.ts';
import type { MsgpackValue } from '../../../src/backendai/wire/msgpack/value.ts';
import { withDeadline } from '../../../src/lib/deadline.ts';
import { newKernelId } from '../../../src/lib/ids.ts';
import { CallosumClient, type ClientKeys } from '../callosum-client.ts';
import { kernelet, type Outcome, sharedVolumes, startKernelet } from '../command.ts';
import { createKernelsArguments, kernelConfigFixture } from '../create-kernels-request.ts';
import { assertNothingLeft, type Inventory, inventory } from '../inventory.ts';
import { freePorts, ownFolder } from './server-process.ts';
import type { Order, SimulationFigures, SimulationOptions } from './simulated-member.ts';
import { entriesOf } from './stream.ts';

/** How to make a member. */
export interface MemberOptions {
  readonly id: string;
  readonly etcdPort: number;
  /** A link to the database of the stream. */
  readonly stream: RedisLink;
  /** Lines for the `[agent]` section. */
  readonly agentLines?: readonly string[];
  /** Host ports for kernels, both ends included. */
  readonly portRange?: readonly [number, number];
  readonly heartbeatS?: number;
  /** What the client shows and expects; absent: plain. */
  readonly keys?: ClientKeys;
  /** The engine's address, when it is not the one of the environment. */
  readonly dockerHost?: string;
  /** Variables of the daemon beside the usual ones. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Without containers: the engine is in memory, and runners play a script. */
  readonly simulation?: SimulationOptions;
  /** What is run for a simulation, when it is not the source: a program and its first arguments. */
  readonly simulationCommand?: readonly [string, ...string[]];
}

/** An event of this member, with its arguments decoded. */
export interface MemberEvent {
  readonly name: string;
  readonly args: readonly MsgpackValue[];
  /** Milliseconds since the epoch, by the server's clock. */
  readonly at: number;
}

const simulationProgram = path.resolve(import.meta.dirname, 'simulated-member.ts');

const callMs = 60_000;
/** For the daemon to end. */
const endMs = 45_000;

/** A kernel that a test has ordered. */
export interface OrderedKernel {
  readonly id: string;
  readonly session: string;
  /** What the call answered of it. */
  readonly info: Readonly<Record<string, MsgpackValue>>;
}

export class Member implements AsyncDisposable {
  readonly id: string;
  readonly folder: string;
  readonly stateDir: string;
  /** Of its local API, as in `KERNELET_SOCKET`. */
  readonly socket: string;
  readonly configFile: string;
  readonly rpcPort: number;
  readonly #options: MemberOptions;
  readonly #cleanups: AsyncDisposableStack;
  readonly #before: Inventory;
  #daemon: ChildProcess | undefined;
  /** Aborts when the daemon of the moment has ended; one listener of the process for all that wait meanwhile. */
  #ended = AbortSignal.abort(new Error('no daemon is running'));
  #log = '';
  #client: CallosumClient | undefined;

  private constructor(
    options: MemberOptions,
    place: { readonly folder: string; readonly rpcPort: number; readonly before: Inventory },
    cleanups: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.#cleanups = cleanups;
    this.#before = place.before;
    this.id = options.id;
    this.folder = place.folder;
    this.rpcPort = place.rpcPort;
    this.stateDir = path.join(place.folder, 'var', 'kernelet');
    this.socket = path.join(place.folder, 'ipc', 'kernelet.sock');
    this.configFile = path.join(place.folder, 'agent.toml');
  }

  /** Writes the configuration; no daemon runs yet. */
  static async make(options: MemberOptions): Promise<Member> {
    await using made = new AsyncDisposableStack();
    const folder = made.use(await ownFolder('member')).path;
    const [rpcPort = 0] = await freePorts(1);
    const before = options.simulation ? new Set<string>() : await inventory(path.join(folder, 'var', 'kernelet'));
    const member = new Member(options, { folder, rpcPort, before }, made.move());
    await mkdir(member.stateDir, { recursive: true, mode: 0o700 });
    await writeFile(member.configFile, member.#configuration());
    return member;
  }

  /** The same, with its daemon in the cluster. */
  static async joined(options: MemberOptions): Promise<Member> {
    const member = await Member.make(options);
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    return member;
  }

  get pid(): number {
    const pid = this.#daemon?.pid;
    if (pid === undefined) throw new Error('no daemon is running');
    return pid;
  }

  /** Whether the daemon is still there. */
  get isRunning(): boolean {
    return this.#daemon !== undefined && this.#daemon.exitCode === null && this.#daemon.signalCode === null;
  }

  /** What the daemon of the moment has logged. */
  get log(): string {
    return this.#log;
  }

  /** What its daemons have in their environment, beside this process's own. */
  get environment(): Readonly<Record<string, string>> {
    const { dockerHost } = this.#options;
    return {
      KERNELET_VOLUME_DIR: sharedVolumes,
      BACKEND_CPU_OVERCOMMIT_FACTOR: '10',
      ...(dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost }),
      ...this.#options.environment,
    };
  }

  /** Starts the daemon, without waiting for anything. */
  async startDaemon(): Promise<void> {
    this.#log = '';
    const { environment } = this;
    const daemon = this.#options.simulation
      ? this.#simulate(this.#options.simulation, environment)
      : startKernelet(['serve', '--config', this.configFile], { environment, directory: this.folder });
    daemon.stdin?.end();
    daemon.stdout?.resume();
    daemon.stderr?.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
    const ended = new AbortController();
    daemon.once('exit', () => ended.abort(new Error('the daemon has ended')));
    this.#ended = ended.signal;
    this.#daemon = daemon;
  }

  /** Waits until the daemon has logged a text. */
  async untilLogged(text: string, timeoutMs = 60_000): Promise<void> {
    await this.until(`a line with "${text}"`, async () => this.#log.includes(text), timeoutMs);
  }

  /** Waits for something, as long as the daemon lives. */
  async until(what: string, isSo: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    for (const limit = performance.now() + timeoutMs; performance.now() < limit; await sleep(50)) {
      if (await isSo()) return;
      if (this.#daemon && !this.isRunning) {
        throw new Error(`the daemon ended with status ${this.#daemon.exitCode}: ${this.#log.slice(-4000)}`);
      }
    }
    throw new Error(`${what} did not come in ${timeoutMs} ms: ${this.#log.slice(-4000)}`);
  }

  /** Sends the daemon a signal and waits for its end; gives its status, and how long it took. */
  async endDaemon(signal: NodeJS.Signals): Promise<{ readonly status: number | null; readonly ms: number }> {
    const daemon = this.#daemon;
    this.#client?.[Symbol.dispose]();
    this.#client = undefined;
    if (!daemon || !this.isRunning) return { status: daemon?.exitCode ?? null, ms: 0 };
    const begun = performance.now();
    const ended = once(daemon, 'exit');
    daemon.kill(signal);
    const inTime = await Promise.race([ended, sleep(endMs, null, { ref: false })]);
    if (inTime === null) throw new Error(`the daemon goes on after ${signal}: ${this.#log.slice(-4000)}`);
    return { status: daemon.exitCode, ms: performance.now() - begun };
  }

  get client(): CallosumClient {
    this.#client ??= CallosumClient.connect(`tcp://127.0.0.1:${this.rpcPort}`, this.#options.keys);
    return this.#client;
  }

  /** What a call gives. Throws an error with the class name and `repr` of its failure. */
  async call(method: string, ...args: readonly MsgpackValue[]): Promise<MsgpackValue> {
    const bound = { what: 'the answer', timeoutMs: callMs, signal: this.#ended };
    const reply = await withDeadline(bound, () => this.client.call(method, args)).catch((error: Error) => {
      throw new Error(`no answer to ${method}: ${error.message}: ${this.#log.slice(-4000)}`);
    });
    const { type, value, failure } = reply;
    if (type !== 'result') throw new Error(failure ? `${failure[0]} ${failure[1]}` : type);
    return value;
  }

  /** Orders a kernel as managers do, by itself in its session. */
  async create(change: Readonly<Record<string, MsgpackValue>> = {}, image = 'kernelet/python:latest') {
    const [kernel] = await this.createMany(1, change, image);
    if (!kernel) throw new Error('create_kernels answered with nothing');
    return kernel;
  }

  /** Orders several kernels of one session in one call. */
  async createMany(
    count: number,
    change: Readonly<Record<string, MsgpackValue>> = {},
    image = 'kernelet/python:latest',
  ): Promise<readonly OrderedKernel[]> {
    const session = newKernelId() as string;
    const fixture = kernelConfigFixture({ auto_pull: 'none', ...change });
    const config = { ...fixture, image: { ...(fixture['image'] as object), canonical: image } };
    const kernels = Object.fromEntries(Array.from({ length: count }, () => [newKernelId() as string, config]));
    const made = await this.call('create_kernels', ...createKernelsArguments(session, kernels));
    return (made as readonly OrderedKernel['info'][]).map((info) => ({ id: String(info['id']), session, info }));
  }

  /** Runs code to its end and gives what it printed. */
  async execute({ id, session }: OrderedKernel, code: string): Promise<string> {
    const run = `run-${Math.random().toString(36).slice(2)}`;
    let printed = '';
    for (let mode = 'query'; ; mode = 'continue') {
      const step = await this.call('execute', session, id, 2, run, mode, mode === 'query' ? code : '', {}, 2);
      const { status, console } = step as { status: string; console: readonly [string, string][] };
      printed += console.map(([, text]) => text).join('');
      if (status === 'finished') return printed;
    }
  }

  /** Ends a kernel as managers do. */
  async destroy({ id, session }: OrderedKernel): Promise<void> {
    await this.call('destroy_kernel', id, session, 'user-requested', false);
  }

  /** Its events on the stream, oldest first; of one name, when it is given. */
  async events(name?: string): Promise<readonly MemberEvent[]> {
    return (await entriesOf(this.#options.stream))
      .filter((entry) => entry.source === this.id && (name === undefined || entry.name === name))
      .map((entry) => ({
        name: entry.name,
        args: decodePlain(Buffer.from(entry.args, 'hex')) as readonly MsgpackValue[],
        at: entry.at,
      }));
  }

  /** The names of the events of a kernel's life, in their order. */
  async lifeOf(kernel: Pick<OrderedKernel, 'id'>): Promise<readonly string[]> {
    return (await this.events())
      .filter(({ name, args }) => name.startsWith('kernel_') && args[0] === kernel.id)
      .map(({ name }) => name);
  }

  /** Tells a simulated member something; gives how it is. */
  async order(order: Order): Promise<SimulationFigures> {
    const daemon = this.#daemon;
    if (!daemon) throw new Error('no simulation is running');
    const answered = once(daemon, 'message', { signal: AbortSignal.timeout(30_000) });
    daemon.send(order);
    const [figures] = await answered;
    return figures as SimulationFigures;
  }

  /** Runs a command against the daemon's own socket. */
  run(args: readonly string[]): Promise<Outcome> {
    return kernelet(args, { environment: { KERNELET_SOCKET: this.socket } });
  }

  /** Ends every kernel and the daemon, and asserts that nothing is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) {
      await this.startDaemon();
      await this.untilLogged('member of the cluster');
    }
    await this.call('clean_all_kernels', 'user-requested');
    await this.endDaemon('SIGTERM');
    if (!this.#options.simulation) await assertNothingLeft(this.#before, this.stateDir);
    await rm(this.stateDir, { recursive: true, force: true });
    await this.#cleanups.disposeAsync();
  }

  #simulate(simulation: SimulationOptions, environment: Readonly<Record<string, string>>): ChildProcess {
    const [command, ...first] = this.#options.simulationCommand ?? [process.execPath, '--expose-gc', simulationProgram];
    return spawn(command, [...first, this.configFile, JSON.stringify(simulation)], {
      cwd: this.folder,
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
  }

  #configuration(): string {
    const { id, etcdPort, agentLines = [], portRange = [30_100, 30_199], heartbeatS = 2 } = this.#options;
    return [
      '[etcd]',
      'namespace = "local"',
      `addr = { host = "127.0.0.1", port = ${etcdPort} }`,
      '[agent]',
      'mode = "docker"',
      `id = "${id}"`,
      `rpc-listen-addr = { host = "127.0.0.1", port = ${this.rpcPort} }`,
      `ipc-base-path = "${this.folder}/ipc"`,
      `var-base-path = "${this.folder}/var"`,
      `image-commit-path = "${this.folder}/commit"`,
      ...agentLines,
      '[container]',
      `port-range = [${portRange.join(', ')}]`,
      'bind-host = "127.0.0.1"',
      'scratch-type = "hostdir"',
      `scratch-root = "${this.stateDir}/scratch"`,
      '[debug]',
      `heartbeat-interval = ${heartbeatS}`,
      '',
    ].join('\n');
  }
}
