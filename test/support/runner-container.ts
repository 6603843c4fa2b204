/** A real container with the runner in it, started as the agent starts one. */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { seccompProfile } from '../../src/kernel/container/seccomp-profile.ts';
import { containerPaths } from '../../src/protocol/image-contract.ts';
import type { RunnerConfig } from '../../src/protocol/runner-config.ts';
import { RunnerPeer } from './runner-peer.ts';

const run = promisify(execFile);

/** The user and the group of the tenant: one of those that kernels have to themselves. */
export const tenantId = 2_012_345;

export interface RunnerContainerOptions {
  readonly volume: string;
  readonly image: string;
  readonly config?: Partial<RunnerConfig>;
  /** More options for `docker create`. */
  readonly docker?: readonly string[];
  readonly homeMode?: number;
  /** A network of the engine; none when absent. */
  readonly network?: string;
}

/** A container. Disposing removes it and its folders. */
export interface RunnerContainer extends AsyncDisposable {
  readonly name: string;
  readonly folder: string;
  readonly home: string;
  readonly socketPath: string;
  readonly secret: string;
  /** Milliseconds from the engine's reply to start until `ready`. */
  readonly readyMs: number;
  readonly peer: RunnerPeer;
  docker(...args: readonly string[]): Promise<string>;
  logs(): Promise<string>;
}

/** Calls the docker command line; resolves with its standard output. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', [...args], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** Starts one and waits until its runner is ready. */
export async function startRunnerContainer(options: RunnerContainerOptions): Promise<RunnerContainer> {
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-runner-'));
  const home = join(folder, 'home');
  const runFolder = join(folder, 'run');
  const secret = randomBytes(32).toString('hex');
  const config: RunnerConfig = {
    version: 1,
    kernelId: randomUUID() as string as RunnerConfig['kernelId'],
    generation: 1,
    secret,
    runtime: { type: 'app', path: null },
    user: { uid: tenantId, gid: tenantId, name: 'work' },
    environ: [],
    services: [],
    models: [],
    interpreter: 'lazy',
    outputBufferBytes: 4 * 1024 * 1024,
    finishedRunKeepMs: 60_000,
    sudo: false,
    imageBootstrap: false,
    isTerminalLocal: false,
    taskLog: false,
    links: [],
    debug: false,
    ...options.config,
  };
  await mkdir(home);
  await chown(home, config.user.uid, config.user.gid);
  await chmod(home, options.homeMode ?? 0o755);
  await mkdir(runFolder, { mode: 0o700 });
  await writeFile(join(runFolder, 'runner.json'), JSON.stringify(config), { mode: 0o600 });
  const profile = join(folder, 'seccomp.json');
  await writeFile(profile, JSON.stringify(seccompProfile(process.arch)));
  const name = `kernelet-test-runner-${randomBytes(4).toString('hex')}`;
  const dispose = async (): Promise<void> => {
    await docker('rm', '-f', name).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await docker(
      ...['create', '--name', name, '--init', '--workdir', containerPaths.home],
      ...['--network', options.network ?? 'none'],
      ...['--cap-drop', 'ALL', '--cap-add', 'SETUID', '--cap-add', 'SETGID', '--cap-add', 'KILL'],
      ...['--security-opt', 'no-new-privileges', '--security-opt', `seccomp=${profile}`],
      ...['--pids-limit', '128', '--memory', '512m', '--memory-swap', '512m'],
      ...['-v', `${options.volume}:${containerPaths.volume}:ro`, '-v', `${runFolder}:${containerPaths.run}`],
      ...['-v', `${home}:${containerPaths.home}`, ...(options.docker ?? [])],
      ...['--entrypoint', `${containerPaths.volume}/bin/busybox`, options.image, 'sh', containerPaths.entry],
    );
    await docker('start', name);
    const started = performance.now();
    const socketPath = join(runFolder, 'runner.sock');
    const peer = await RunnerPeer.connect(socketPath, secret);
    await peer.ready();
    const readyMs = performance.now() - started;
    return {
      name,
      folder,
      home,
      socketPath,
      secret,
      readyMs,
      peer,
      docker,
      logs: async () => {
        const { stdout, stderr } = await run('docker', ['logs', name], { maxBuffer: 64 * 1024 * 1024 });
        return stdout + stderr;
      },
      async [Symbol.asyncDispose]() {
        peer[Symbol.dispose]();
        await dispose();
      },
    };
  } catch (error) {
    const { stdout, stderr } = await run('docker', ['logs', name]).catch(() => ({ stdout: '', stderr: '' }));
    await dispose();
    throw new Error(`the runner did not get ready: ${String(error)}\n${stdout}${stderr}`, { cause: error });
  }
}
