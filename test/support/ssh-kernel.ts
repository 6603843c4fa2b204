/** A container with an SSH server of the runner's, its keys as the agent lays them, and OpenSSH's clients for it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ownership } from '../../src/kernel/container/ownership.ts';
import { writeSshKeys } from '../../src/kernel/container/ssh-keys.ts';
import type { AgentId } from '../../src/lib/ids.ts';
import { specFixture } from './kernel-record.ts';
import { tenantId } from './runner-container.ts';
import { RunnerSession } from './runner-session.ts';

/** What a client's program came to. */
export interface ClientResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The container. Disposing removes it and its folders. */
export class SshKernel implements AsyncDisposable {
  readonly session: RunnerSession;
  readonly address: string;
  readonly folder: string;
  /** Of the client: where keys are written that it may use. */
  readonly loginKey: string;

  private constructor(session: RunnerSession, address: string, folder: string) {
    this.session = session;
    this.address = address;
    this.folder = folder;
    this.loginKey = join(folder, 'config/ssh/id_container');
  }

  /** Starts one; `prepare` may put more into the folder `config`. */
  static async start(
    type: string,
    image: string,
    options: {
      readonly environ?: readonly (readonly [string, string])[];
      readonly volume?: string;
      readonly prepare?: (configFolder: string) => Promise<void>;
    } = {},
  ): Promise<SshKernel> {
    const folder = await mkdtemp(join(tmpdir(), 'kernelet-ssh-'));
    const config = join(folder, 'config');
    await mkdir(config);
    await chmod(folder, 0o755);
    const spec = specFixture({
      services: [{ name: 'sshd', protocol: 'tcp', containerPorts: [2200], isInference: false }],
      user: { uid: tenantId, gid: tenantId },
    });
    const none = join(folder, 'none');
    const paths = {
      root: folder,
      work: none,
      config,
      run: none,
      networkFiles: none,
      users: none,
      sockets: none,
      private: none,
    };
    await writeSshKeys(spec, paths, new Ownership('i-test' as AgentId, randomBytes(32)), spec.user);
    await options.prepare?.(config);
    const session = await RunnerSession.start(type, image, {
      ...(options.volume === undefined ? {} : { volume: options.volume }),
      network: 'bridge',
      config: {
        services: [{ name: 'sshd', protocol: 'tcp', ports: [2200] }],
        environ: options.environ ?? [],
      },
      docker: ['-v', `${config}:/home/config:ro`],
    });
    const form = '{{.NetworkSettings.IPAddress}}';
    const address = (await session.container.docker('inspect', '-f', form, session.container.name)).trim();
    return new SshKernel(session, address, folder);
  }

  /** Runs `ssh` with these arguments after the host's. */
  ssh(args: readonly string[], options: { input?: string; key?: string; user?: string } = {}): Promise<ClientResult> {
    const { input = '', key = this.loginKey, user = 'work' } = options;
    return client('ssh', [...this.#options(key, '-p'), `${user}@${this.address}`, ...args], input);
  }

  /** Runs commands of `sftp`. */
  sftp(commands: string): Promise<ClientResult> {
    return client('sftp', [...this.#options(this.loginKey, '-P'), '-b', '-', `work@${this.address}`], commands);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }

  #options(key: string, port: '-p' | '-P'): readonly string[] {
    const chosen = {
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      LogLevel: 'ERROR',
      IdentitiesOnly: 'yes',
      BatchMode: 'yes',
    };
    return [port, '2200', '-i', key, ...Object.entries(chosen).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  }
}

function client(program: string, args: readonly string[], input: string): Promise<ClientResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** A new key of OpenSSH's; the path of its private half. */
export async function newKey(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const made = await client('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-C', name, '-f', path], '');
  if (made.exitCode !== 0) throw new Error(made.stderr);
  return path;
}

/** Writes a file of the configuration that the tenant owns. */
export async function tenantFile(path: string, text: string, mode: number): Promise<void> {
  await writeFile(path, text, { mode });
  await chown(path, tenantId, tenantId);
}
