/** A container engine without root: an ordinary user's, in namespaces of that user's own, as `dockerd-rootless.sh` starts it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answers } from '../../scripts/engine/ping.mjs';
import { type Outcome, outcomeOf } from './command.ts';
import { loadEmptyImage, ownArchitecture } from './empty-image.ts';
import { emptyImage } from './extra-engine.ts';

const user = 'kernelet-test';
const startMs = 60_000;
const network = '--net=slirp4netns --mtu=65520 --disable-host-loopback --port-driver=builtin';
/** What the user's namespaces have of the machine's own engine, and may not change. */
const shared = '/run/docker /run/containerd /run/xtables.lock';
const tun = '/dev/net/tun';

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr || String(error)}`);
}

/** The engine and its user. Disposing it removes both. */
export class RootlessEngine implements AsyncDisposable {
  readonly folder: string;
  readonly #undo = new AsyncDisposableStack();
  #ids: readonly [uid: number, gid: number] = [-1, -1];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts one that has an empty image. */
  static async start(): Promise<RootlessEngine> {
    const engine = new RootlessEngine(await mkdtemp(path.join(tmpdir(), 'kernelet-rootless-')));
    try {
      await engine.#start();
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  get socket(): string {
    return path.join(this.folder, 'docker.sock');
  }

  /** Runs kernelet as the engine's user, or in its namespaces, where it is root. */
  async run(where: 'outside' | 'inside', args: readonly string[]): Promise<Outcome> {
    const child = await this.begin(where, args);
    child.stdin?.end();
    return await outcomeOf(child);
  }

  /** Like `run`, without waiting for the end. */
  async begin(where: 'outside' | 'inside', args: readonly string[]): Promise<ChildProcess> {
    const pid = (await readFile(path.join(this.folder, 'docker.pid'), 'utf8')).trim();
    const enter = ['nsenter', '--user', '--preserve-credentials', '--net', '--mount', '--target', pid];
    const program = path.join(this.folder, 'program', 'bin', 'kernelet');
    return this.#asUser([...(where === 'inside' ? enter : []), program, ...args]);
  }

  async #start(): Promise<void> {
    const { folder } = this;
    this.#undo.defer(() => rm(folder, { recursive: true, force: true }));
    // One that a killed test has left.
    spawnSync('userdel', [user]);
    must('useradd', '--no-create-home', '--home-dir', folder, user);
    this.#undo.defer(() => must('userdel', user));
    const [, uid, gid] =
      new RegExp(`^${user}:[^:]*:(\\d+):(\\d+):`, 'm').exec(await readFile('/etc/passwd', 'utf8')) ?? [];
    this.#ids = [Number(uid), Number(gid)];
    await chown(folder, ...this.#ids);
    await this.#shareProgram();
    await this.#openTun();
    const child = this.#asUser([
      'rootlesskit',
      ...network.split(' '),
      '--copy-up=/etc',
      '--copy-up=/run',
      'sh',
      '-c',
      `rm -f ${shared}; exec dockerd --rootless --data-root=${folder}/data --log-level=warn`,
    ]);
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Buffer) => said.push(bytes.toString()));
    this.#undo.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    });
    for (const limit = performance.now() + startMs; !(await answers(this.socket, 1_000)); await sleep(100)) {
      if (child.exitCode !== null || performance.now() > limit)
        throw new Error(`no engine without root: ${said.join('')}`);
    }
    await loadEmptyImage(emptyImage, ownArchitecture, `unix://${this.socket}`);
  }

  /** Wherever the project lies, this user comes to it. */
  async #shareProgram(): Promise<void> {
    const place = path.join(this.folder, 'program');
    await mkdir(place);
    must('mount', '--bind', path.resolve(import.meta.dirname, '..', '..'), place);
    this.#undo.defer(() => must('umount', '--lazy', place));
  }

  /** As it is for everybody where udev has made it. */
  async #openTun(): Promise<void> {
    const { mode } = await stat(tun);
    await chmod(tun, 0o666);
    this.#undo.defer(() => chmod(tun, mode & 0o777));
  }

  #asUser(command: readonly string[]): ChildProcess {
    const { folder } = this;
    const [uid, gid] = this.#ids;
    const env = {
      HOME: folder,
      USER: user,
      XDG_RUNTIME_DIR: folder,
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      DOCKER_HOST: `unix://${this.socket}`,
      KERNELET_STATE_DIR: path.join(folder, 'state'),
      KERNELET_SOCKET: path.join(folder, 'api.sock'),
    };
    const args = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', ...command];
    return spawn('setpriv', args, { env, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** Writes the node's configuration, and gives its path. */
  async configure(text: string): Promise<string> {
    const file = path.join(this.folder, 'agent.toml');
    await writeFile(file, text);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}
