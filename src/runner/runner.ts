/** Puts the parts of the runner together, in the order of its start (spec kernel-runner 5.1). */
import { existsSync, readFileSync } from 'node:fs';
import { systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { ConnectionRole } from '../protocol/agent-frames.ts';
import { summaryFor } from '../protocol/generation-4.ts';
import { containerPaths } from '../protocol/image-contract.ts';
import { mainContext } from '../protocol/kernel-contexts.ts';
import type { RunnerConfig } from '../protocol/runner-config.ts';
import { asTenant } from './as-tenant.ts';
import {
  imageScriptProblem,
  readContainerEnvironment,
  runImageBootstrap,
  runUserBootstrap,
  startBeside,
  withheldImageBootstrap,
} from './bootstrap.ts';
import { startIsOver } from './collect-garbage.ts';
import { parseRunnerConfig } from './config.ts';
import { ContainerLog, descriptorSink } from './container-log.ts';
import { Contexts } from './contexts.ts';
import { ControlConnection, requestHandler } from './control-connection.ts';
import { tenantEnvironment } from './environment.ts';
import { type ExecutorParts, executeRun } from './executor.ts';
import { FileConnection } from './files/connection.ts';
import { workOnFiles } from './files/worker-process.ts';
import type { FrameSocket } from './frame-socket.ts';
import { InputSocket } from './input-socket.ts';
import { PipePool } from './pipe-pool.ts';
import { Runs } from './runs.ts';
import { runtimeContext } from './runtime.ts';
import { resolveRuntime } from './runtimes/index.ts';
import { serveRunner } from './server.ts';
import type { Services } from './services/services.ts';
import { RunnerStatusTracker } from './status.ts';
import { TaskLog } from './task-log.ts';
import { Tenant } from './tenant.ts';
import { endTenant } from './tenant-process.ts';
import { allowSudo, setUpUser, type TenantUser } from './user-setup.ts';
import { volumePaths } from './volume-paths.ts';

const clock = systemClock;
/** Of the ten seconds that an engine gives between its signal and its kill. */
const signalGraceMs = 5000;

/** The runner of this container. */
export class Runner {
  readonly #config: RunnerConfig;
  readonly #container: ReadonlyMap<string, string>;
  readonly #imageScriptRan: boolean;
  readonly #log: ContainerLog;
  readonly #status: RunnerStatusTracker;
  readonly #tenant: Tenant;
  readonly #runs: Runs;
  #parts: ExecutorParts | null = null;
  #control: ControlConnection | null = null;
  #services: Services | null = null;
  #stopping = false;

  /**
   * `imageScriptRan`: the script of the image has run already. Throws when `runner.json` cannot be used: without it
   * nobody could be served.
   */
  constructor({ imageScriptRan }: { readonly imageScriptRan: boolean }) {
    this.#imageScriptRan = imageScriptRan;
    const startedAt = clock.now();
    this.#config = parseRunnerConfig(readFileSync(containerPaths.config, 'utf8'));
    const config = this.#config;
    this.#container = readContainerEnvironment();
    this.#log = new ContainerLog(descriptorSink(1), { debug: config.debug });
    this.#status = new RunnerStatusTracker(startedAt, this.#log);
    const { uid, gid } = config.user;
    const pipes = new PipePool(volumePaths.shell);
    this.#tenant = new Tenant({ uid, gid, home: containerPaths.home, pipes, log: this.#log });
    this.#runs = new Runs({
      limitBytes: config.outputBufferBytes,
      keepMs: config.finishedRunKeepMs,
      clock,
      assertContext: (name) => this.#assertContext(name),
      execute: (run) => this.#execute(run),
      observer: {
        eventsAdded: (run) => this.#control?.pump(run),
        phaseChanged: (run) => this.#control?.tell(run),
      },
    });
    this.#status.onChange(() => this.#control?.socket.send({ t: 'status', status: this.#status.read() }));
  }

  /** Serves, and brings the kernel up. */
  async start(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#onSignal());
    await serveRunner({
      path: containerPaths.socket,
      secret: this.#config.secret,
      clock,
      log: this.#log,
      accept: (socket, role, protocol) => this.#accept(socket, role, protocol),
    });
    process.umask(0o022);
    const user: TenantUser = { ...this.#config.user, home: containerPaths.home, shell: loginShell() };
    if (this.#config.taskLog) this.#tenant.taskLog = new TaskLog(this.#tenant, this.#config.kernelId);
    const pipes = this.#tenant.pipes.fill();
    pipes.catch(() => {}); // Told when it is waited for.
    await this.#step('the user', () => setUpUser(user, (text) => this.#status.problem(text)));
    const becomesRoot = !this.#config.sudo || allowSudo(user, (text) => this.#status.problem(text));
    const hasLinks = await this.#linkSockets();
    await this.#step('the home', () => asTenant(this.#tenant, () => process.chdir(containerPaths.home)));
    await this.#step('the environment', async () => {
      this.#tenant.environ = this.#compose(user, this.#container);
      this.#tenant.environ = this.#compose(user, await this.#bootstrapImage());
    });
    await this.#step('the runtime', () => this.#prepareRuntime());
    await this.#step('the input socket', () => new InputSocket(clock, () => this.#runs.asking).listen());
    await this.#step('the pipes of programs', () => pipes);
    await this.#step('the bootstrap script', async () => {
      const isThere = asTenant(this.#tenant, () => existsSync(`${containerPaths.home}/bootstrap.sh`));
      if (isThere) await runUserBootstrap(this.#tenant, clock, (text) => this.#status.problem(text));
    });
    await this.#step('the program that the image starts with', async () => {
      const { runtime, context } = this.#parts?.contexts.main ?? {};
      const starter = runtime?.starter === undefined ? null : context?.which(runtime.starter);
      if (starter) await startBeside(this.#tenant, starter, (text) => this.#status.problem(text));
    });
    await this.#step('the services', () => this.#openServices());
    await this.#step('the models', () => this.#serveModels());
    if (this.#stopping) return;
    if (!this.#parts || !becomesRoot || !hasLinks) {
      this.#status.phase = 'failed';
      return;
    }
    this.#status.phase = 'ready';
    this.#runs.release();
    startIsOver(clock);
    if (this.#config.interpreter === 'eager') void this.#parts.contexts.main.interpreter?.start();
  }

  /** A step that fails is reported in the status, and the start goes on; says whether it went well. */
  async #step(what: string, action: () => void | Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      this.#status.problem(`${what} could not be set up: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  /** Answers whether they are there: a kernel that was promised a socket is of no use without. */
  async #linkSockets(): Promise<boolean> {
    const { links } = this.#config;
    if (links.length === 0) return true;
    return await this.#step('the sockets of the host', async () => {
      const { linkSockets } = await import('./socket-links.ts');
      linkSockets(links);
    });
  }

  #compose(user: TenantUser, container: ReadonlyMap<string, string>): Record<string, string> {
    return tenantEnvironment({
      container,
      session: this.#config.environ,
      user,
      home: containerPaths.home,
      exists: existsSync,
    });
  }

  async #bootstrapImage(): Promise<ReadonlyMap<string, string>> {
    const problem = (text: string): void => this.#status.problem(text);
    const { user, imageBootstrap } = this.#config;
    if (imageBootstrap && !this.#imageScriptRan) {
      return await runImageBootstrap(this.#container, user, { output: this.#log, clock, problem });
    }
    const notice = imageBootstrap ? imageScriptProblem() : withheldImageBootstrap();
    if (notice !== '') problem(notice);
    return this.#container;
  }

  async #prepareRuntime(): Promise<void> {
    const { type, path } = this.#config.runtime;
    const { runtime, warning } = await resolveRuntime(type);
    if (warning !== null) this.#status.problem(warning);
    const { environ, home } = this.#tenant;
    const context = runtimeContext(runtime, { namedTool: path, home, environ });
    this.#tenant.environ = { ...environ, ...runtime.environ(context) };
    const contexts = new Contexts({
      ...{ tenant: this.#tenant, clock, runs: this.#runs, main: { runtime, context } },
      mainChanged: (state, detail) => this.#status.interpreter(state, detail),
    });
    this.#parts = { tenant: this.#tenant, clock, contexts };
  }

  /** Loaded only where a kernel has services: each module costs every kernel memory. */
  async #openServices(): Promise<void> {
    const { services: declared, isTerminalLocal } = this.#config;
    if (declared.length === 0 || !this.#parts) return;
    const { openServices } = await import('./services/open-services.ts');
    const { tenant, contexts } = this.#parts;
    const { runtime, context } = contexts.main;
    this.#services = openServices({
      ...{ declared, tenant, clock, context, runtimeType: runtime.type, isTerminalLocal },
      asTenant: (look) => asTenant(this.#tenant, look),
      problem: (text) => this.#status.problem(text),
    });
    await this.#services.startBuiltIn((text) => this.#status.problem(text));
  }

  /** Begins to serve the models; loaded only where a kernel has some. */
  async #serveModels(): Promise<void> {
    const { models } = this.#config;
    if (models.length === 0 || !this.#parts) return;
    const { serveModels } = await import('./services/model-server.ts');
    const { tenant, contexts } = this.#parts;
    const { context } = contexts.main;
    const servers = serveModels(models, {
      ...{ tenant, clock, runtimePath: context.tool ?? '', temporaryPath: context.temporaryPath },
      onHealth: () => this.#status.modelChanged(),
      problem: (text) => this.#status.problem(text),
    });
    this.#status.readModelsFrom(() => servers.map(({ health }) => health));
  }

  /** Until the runner is ready there is but the main one. */
  #assertContext(name: string): void {
    if (this.#parts) this.#parts.contexts.get(name);
    else if (name !== mainContext) throw notReady();
  }

  #execute(run: Parameters<typeof executeRun>[0]): Promise<void> {
    if (!this.#parts) throw new Error('unreachable: runs begin when the runner is ready');
    return executeRun(run, this.#parts);
  }

  #accept(socket: FrameSocket, role: ConnectionRole, protocol: number): void {
    if (role === 'control') {
      this.#control?.socket.close('a newer control connection took over');
      const handle = requestHandler({
        runs: this.#runs,
        status: () => this.#status.read(),
        contexts: () => {
          if (!this.#parts) throw notReady();
          return this.#parts.contexts;
        },
        services: () => this.#services,
        listeningPorts: async () => (await import('./ports/listening.ts')).listeningPorts(),
        workOnFiles: (work) => workOnFiles(this.#tenant, clock, work),
        // After the reply, which is handed to the system when it is sent.
        shutDown: (graceMs) => void setImmediate(() => void this.#shutDown(graceMs)),
      });
      this.#control = new ControlConnection({ socket, protocol, runs: this.#runs, handle });
    } else if (role === 'file') new FileConnection(socket, this.#tenant, clock);
    else servePort(socket);
    const { kernelId, generation } = this.#config;
    const status = this.#status.read();
    const runs = this.#runs.list().map((summary) => summaryFor(protocol, summary));
    socket.send({ t: 'welcome', protocol, kernelId, generation, status, runs });
  }

  #onSignal(): void {
    if (this.#stopping) process.exit(0);
    void this.#shutDown(signalGraceMs);
  }

  async #shutDown(graceMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#status.phase = 'stopping';
    this.#runs.close();
    // Without a grace the end of the container's first process does it: the system then kills all others.
    if (graceMs > 0) await endTenant(this.#config.user.uid, graceMs, clock);
    process.exit(0);
  }
}

/** Loaded only where somebody asks: each module costs every kernel memory. Nothing of the connection is read meanwhile. */
function servePort(socket: FrameSocket): void {
  socket.pause();
  import('./ports/connection.ts').then(
    ({ PortConnection }) => {
      new PortConnection(socket, clock);
      socket.resume();
    },
    () => socket.close('connections to ports cannot be served'),
  );
}

const notReady = (): KerneletError => new KerneletError('NOT_SUPPORTED', 'the kernel is starting, or could not start');

function loginShell(): string {
  return ['/bin/bash', '/bin/ash', '/bin/sh'].find((path) => existsSync(path)) ?? volumePaths.shell;
}
