/** kernelet as a manager's agent, started from its program and killed, stopped and started again at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { program, sharedVolumes } from '../command.ts';
import { engineCall, engineGet } from '../engine-api.ts';
import type { ManagerPlace } from './place.ts';

/** Ports of the agent under test. */
export const agentPorts = {
  rpc: 16001,
  watcher: 16009,
  socket: 16007,
  metadata: 16128,
  firstOfKernels: 27500,
  lastOfKernels: 27999,
};

const startPatienceMs = 60_000;

export interface AgentOptions {
  readonly id: string;
  /** Whether the RPC is encrypted. */
  readonly curve?: boolean;
}

/** The engine's containers of an agent. */
export interface AgentContainer {
  readonly Id: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

function configuration({ id, curve = false }: AgentOptions, place: ManagerPlace, folder: string): string {
  const keys = curve
    ? `rpc-auth-manager-public-key = "${place.home}/conf/manager.key"
rpc-auth-agent-keypair = "${place.home}/conf/agent.key_secret"`
    : '';
  return `[etcd]
namespace = "local"
addr = { host = "127.0.0.1", port = ${place.etcdPort} }
user = ""
password = ""
[agent]
mode = "docker"
id = "${id}"
region = "e2e"
scaling-group = "default"
rpc-listen-addr = { host = "127.0.0.1", port = ${agentPorts.rpc} }
${keys}
agent-sock-port = ${agentPorts.socket}
metadata-server-bind-host = "127.0.0.1"
metadata-server-port = ${agentPorts.metadata}
ipc-base-path = "${folder}/ipc"
var-base-path = "${folder}/var"
image-commit-path = "${folder}/commit"
mount-path = "${folder}/vfroot"
cohabiting-storage-proxy = true
[container]
port-range = [${agentPorts.firstOfKernels}, ${agentPorts.lastOfKernels}]
kernel-uid = 1000
kernel-gid = 1000
bind-host = "127.0.0.1"
sandbox-type = "docker"
scratch-type = "hostdir"
scratch-root = "${folder}/scratch"
[watcher]
service-addr = { host = "127.0.0.1", port = ${agentPorts.watcher} }
[logging]
level = "INFO"
drivers = ["console"]
[logging.console]
colored = false
format = "verbose"
[resource]
reserved-cpu = 0
reserved-mem = "1G"
reserved-disk = "1G"
`;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** See the file's head. One at a time: the ports are the same for all. */
export class AgentUnderTest implements AsyncDisposable {
  readonly id: string;
  readonly folder: string;
  readonly #file: string;
  readonly #log: string;
  #child: ChildProcess | null = null;

  private constructor(options: AgentOptions, place: ManagerPlace) {
    this.id = options.id;
    this.folder = path.join(place.home, options.id);
    this.#file = path.join(this.folder, 'agent.toml');
    this.#log = path.join(place.home, 'log', `${options.id}.log`);
  }

  /** Makes its folders and its configuration, and starts it. */
  static async start(options: AgentOptions, place: ManagerPlace): Promise<AgentUnderTest> {
    const agent = new AgentUnderTest(options, place);
    for (const name of ['ipc', 'var', 'scratch', 'commit', 'vfroot']) {
      await mkdir(path.join(agent.folder, name), { recursive: true });
    }
    await writeFile(agent.#file, configuration(options, place, agent.folder));
    await agent.start();
    return agent;
  }

  /** Starts it; resolves when it listens for calls. */
  async start(): Promise<void> {
    const output = openSync(this.#log, 'a');
    const child = spawn(program, ['serve', '-f', this.#file], {
      cwd: this.folder,
      stdio: ['ignore', output, output],
      env: {
        ...process.env,
        KERNELET_STATE_DIR: path.join(this.folder, 'state'),
        KERNELET_SOCKET: path.join(this.folder, 'kernelet.sock'),
        KERNELET_VOLUME_DIR: sharedVolumes,
        // Sessions of one core each go side by side on a machine of two.
        BACKEND_CPU_OVERCOMMIT_FACTOR: String(cpuOvercommit),
      },
    });
    closeSync(output);
    this.#child = child;
    const deadline = Date.now() + startPatienceMs;
    while (!(await listens(agentPorts.rpc))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        const log = await readFile(this.#log, 'utf8');
        throw new Error(`the agent does not listen: status ${child.exitCode}\n${log.slice(-3000)}`);
      }
      await sleep(100);
    }
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit', { signal: AbortSignal.timeout(30_000) });
    child.kill(signal);
    await exited.catch(async (error) => {
      child.kill('SIGKILL');
      throw error;
    });
  }

  /** Its containers, also those that have ended. */
  async containers(): Promise<readonly AgentContainer[]> {
    const filters = encodeURIComponent(
      JSON.stringify({ label: [`ai.backend.owner=${this.id}`, 'ai.backend.kernel-id'] }),
    );
    return (await engineGet(`/containers/json?all=true&filters=${filters}`)) as readonly AgentContainer[];
  }

  /** The container of a kernel. */
  async containerOf(kernelId: string): Promise<AgentContainer> {
    const found = (await this.containers()).find(({ Labels }) => Labels['ai.backend.kernel-id'] === kernelId);
    if (!found) throw new Error(`there is no container of the kernel ${kernelId}`);
    return found;
  }

  async log(): Promise<string> {
    return await readFile(this.#log, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM');
    for (const { Id } of await this.containers()) await engineCall('DELETE', `/containers/${Id}?force=true&v=true`);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** How many slots a core counts for. */
export const cpuOvercommit = 4;
