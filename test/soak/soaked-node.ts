/** A node that is soaked: the built daemon with a probe in its process, and what there is of it on the machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { daemonCommand } from '../../bench/daemon-process.ts';
import { childrenOf } from '../support/child-processes.ts';
import { sharedVolumes } from '../support/command.ts';
import { engineCall } from '../support/engine-api.ts';
import { firewallRules } from '../support/inventory.ts';
import { callApi } from '../support/local-api.ts';
import { eventually, listedKernels, statusOf } from '../support/node-facts.ts';

type Counts = Readonly<Record<string, number>>;

const bundle = path.resolve(import.meta.dirname, '..', '..', 'dist', 'kernelet.js');
const probe = path.join(import.meta.dirname, 'probe.ts');

/** The node. Disposing it removes its kernels and stops the daemon. */
export class SoakedNode implements AsyncDisposable {
  readonly socket: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #stateDir: string;
  readonly #daemon: ChildProcess;
  #said = '';
  /** By which what the engine and the packet filter have of it is known. */
  #marks: readonly string[] = [];

  private constructor(folder: string, daemon: ChildProcess, environment: SoakedNode['environment']) {
    this.#folder = folder;
    this.#daemon = daemon;
    this.environment = environment;
    this.#stateDir = path.join(folder, 'state');
    this.socket = path.join(folder, 'api.sock');
    daemon.stderr?.on('data', (chunk: Buffer) => {
      this.#said = `${this.#said}${chunk.toString()}`.slice(-20_000);
    });
  }

  /** Starts it with everything in this folder, and waits until it serves. */
  static async start(folder: string, configuration: string): Promise<SoakedNode> {
    const file = path.join(folder, 'agent.toml');
    await writeFile(file, configuration);
    const environment = {
      KERNELET_STATE_DIR: path.join(folder, 'state'),
      KERNELET_SOCKET: path.join(folder, 'api.sock'),
      KERNELET_VOLUME_DIR: sharedVolumes,
    };
    const [command, ...args] = await daemonCommand(bundle, '--no-warnings', '--import', probe);
    const daemon = spawn(command, [...args, '=serve', '=--log-level', '=warn', '=--config', `=${file}`], {
      env: { ...process.env, ...environment, SOAK_PROBE: path.join(folder, 'probe.sock') },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const node = new SoakedNode(folder, daemon, environment);
    const agentId = await eventually(
      'the daemon serves',
      async () => {
        if (daemon.exitCode !== null) throw new Error(node.#said);
        const status = await statusOf(node);
        return status.phase === 'ready' ? status.agentId : null;
      },
      60_000,
    );
    const secret = await readFile(path.join(folder, 'state', 'secret'));
    node.#marks = [agentId, secret.toString('hex', 0, 4)];
    return node;
  }

  /** What the daemon has warned of last. */
  get said(): string {
    return this.#said;
  }

  /** What there is of it when it has come to rest with this many kernels. */
  async atRest(kernels: number): Promise<Counts> {
    let before = '';
    const outside = await eventually(
      `the node rests with ${kernels} kernels`,
      async () => {
        const { slots, kernels: listed } = await statusOf(this);
        if (listed !== kernels || slots.cpus.used !== kernels) throw new Error(`there are ${listed}`);
        const counts = await this.#outside();
        const text = JSON.stringify(counts);
        if (text === before) return counts;
        before = text;
        throw new Error(text);
      },
      60_000,
    );
    const client = connect(path.join(this.#folder, 'probe.sock'));
    return { ...outside, ...((await json(client)) as Counts) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    const ended = once(this.#daemon, 'exit');
    try {
      for (const { id } of await listedKernels(this))
        await callApi(this.socket, 'DELETE', `/v1/kernels/${id}?force=true`);
    } finally {
      this.#daemon.kill('SIGTERM');
      await ended;
    }
  }

  /** What is left of it in the engine and the packet filter. */
  async left(): Promise<Counts> {
    return { ...(await this.#inEngine()), 'firewall rule': firewallRules(this.#marks[1]).length };
  }

  /** All that can be seen of it from outside of its process. */
  async #outside(): Promise<Counts> {
    const { pid } = this.#daemon;
    const counts: Record<string, number> = {};
    const count = (kind: string): void => {
      counts[kind] = (counts[kind] ?? 0) + 1;
    };
    for (const number of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${number}`).catch(() => null);
      if (target !== null) count(`descriptor ${target.startsWith('/') ? 'file' : target.replace(/:?\[?\d+\]?$/, '')}`);
    }
    for (const name of await readdir(this.#stateDir, { recursive: true })) {
      count(
        `file in ${name
          .split('/')
          .slice(0, name.startsWith('scratch/.') ? 2 : 1)
          .join('/')}`,
      );
    }
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
    return {
      ...counts,
      thread: (await readdir(`/proc/${pid}/task`)).length,
      'child process': childrenOf(pid ?? 0).length,
      mount: mounts.filter((line) => line.includes(this.#folder)).length,
      ...(await this.left()),
    };
  }

  async #inEngine(): Promise<Counts> {
    const mine = async (target: string, list: (reply: object) => unknown): Promise<number> => {
      const all = list(JSON.parse((await engineCall('GET', target)).text));
      if (!Array.isArray(all)) throw new Error(`GET ${target} is answered with no list`);
      return all.map((item) => JSON.stringify(item)).filter((text) => this.#marks.some((mark) => text.includes(mark)))
        .length;
    };
    return {
      container: await mine('/containers/json?all=true', (reply) => reply),
      network: await mine('/networks', (reply) => reply),
      volume: await mine('/volumes', (reply) => ('Volumes' in reply ? (reply.Volumes ?? []) : null)),
    };
  }
}
