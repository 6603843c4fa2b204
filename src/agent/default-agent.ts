/** The agent over a container engine: requests of its callers, handed to the kernels, the runners and the images. */
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import type { ImageRemoval, RegistryAuth } from '../engine/engine.ts';
import { knownLanguage } from '../images/resolve.ts';
import { isPausedByUs, type KernelRecord } from '../kernel/record.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { type ContextState, mainContext } from '../protocol/kernel-contexts.ts';
import type { ServiceOptions, ServiceOutcome } from '../protocol/kernel-services.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import type { TerminalSize } from '../protocol/terminal-size.ts';
import { FileWork } from '../runner-client/file-work.ts';
import { listFiles } from '../runner-client/kernel-files.ts';
import type { Download, RunnerClient } from '../runner-client/runner-client.ts';
import { checkUnmoved } from '../storage/mounts/mount-policy.ts';
import type {
  Agent,
  AgentStatus,
  ContextRequest,
  CreateRequest,
  EndOptions,
  ImageProgress,
  ImageView,
  KeptView,
  KernelMetrics,
  KernelPorts,
  KernelStats,
  KernelView,
  LogPiece,
  NodeResources,
} from './agent.ts';
import type { AgentParts } from './agent-parts.ts';
import type { AwaitedState } from './awaited-state.ts';
import { BackgroundJobs } from './background-jobs.ts';
import { checkEnviron } from './create-request.ts';
import { type Degradation, Degradations } from './degradation.ts';
import { KernelAdmission } from './kernel-admission.ts';
import { everything, passes } from './kernel-filter.ts';
import { startService, stopService } from './kernel-services.ts';
import { keptViewOf, viewOf } from './kernel-view.ts';
import { awaitState, isAsAwaited } from './kernel-wait.ts';
import { MetricsExporter } from './metrics/exporter.ts';
import { nodeLooks } from './node-looks.ts';
import { resourcesOf } from './node-resources.ts';
import { Readiness } from './readiness.ts';
import { runNamed } from './run-names.ts';
import { UsageTracker } from './usage-tracker.ts';

/** How long a request waits for the recovery after a start. */
const readyTimeoutMs = 15_000;
/** How long a request waits for a kernel to go on that was paused. */
const resumeMs = 15_000;
/** How long an engine that is accepted may take. */
const acceptMs = 20_000;

/** The one implementation of Agent. `start()` recovers what an earlier process left; requests wait for it, bounded. */
export class DefaultAgent implements Agent {
  readonly #parts: AgentParts;
  readonly #readiness: Readiness;
  readonly #watch: BackgroundJobs;
  readonly #usage: UsageTracker;
  readonly #exporter: MetricsExporter;
  readonly #degradations: Degradations;
  readonly #admission: KernelAdmission;
  readonly #startedAt: number;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#readiness = new Readiness(parts.clock, readyTimeoutMs);
    this.#startedAt = parts.clock.now();
    this.#usage = new UsageTracker(parts);
    this.#exporter = new MetricsExporter(parts);
    this.#degradations = new Degradations({ ...parts, looks: nodeLooks(parts, () => this.#engineProblem()) });
    this.#watch = new BackgroundJobs(parts, this.#readiness, this.#degradations);
    this.#admission = new KernelAdmission(parts);
  }

  /**
   * Recovers, then follows the engine and its own timers. `retry`: an engine that does not answer is asked again until
   * it does, else the error is thrown.
   */
  async start(options: { readonly retry: boolean }): Promise<void> {
    await this.#watch.start(options);
    this.#parts.statistics.start();
  }

  /** What the node lacks for now, as of a look that is seconds old. */
  get degraded(): readonly Degradation[] {
    return this.#degradations.present;
  }

  async status(): Promise<AgentStatus> {
    const { facts, kernels, engine } = this.#parts;
    const problem = this.#engineProblem();
    return {
      version: facts.version,
      mode: facts.mode,
      phase: this.#readiness.phase,
      agentId: facts.agentId,
      stateDir: facts.stateDir,
      pid: process.pid,
      startedAt: this.#startedAt,
      engine: { address: engine.address, healthy: problem === null, detail: problem ?? '' },
      ociRuntimes: this.#parts.ociRuntimes.list(),
      disk: await facts.disk(),
      hungFileSystems: facts.hungFileSystems(),
      degraded: await this.#degradations.look(),
      kernels: kernels.list().length,
      slots: facts.slots(),
      invariantViolations: { ...facts.invariantViolations(), 'dropped-report': this.#watch.dropped.total },
    };
  }

  async acceptEngine(signal: AbortSignal): Promise<AgentStatus['engine']> {
    const { kernels, engine } = this.#parts;
    const either = AbortSignal.any([signal, AbortSignal.timeout(acceptMs)]);
    if (kernels.engineProblem()) await kernels.acceptEngine(either);
    else await engine.ping(either);
    this.#watch.engineAccepted();
    if (this.#readiness.phase === 'ready') await kernels.sweep(either);
    return (await this.status()).engine;
  }

  async resources(signal: AbortSignal): Promise<NodeResources> {
    await this.#readiness.ready();
    return await resourcesOf(this.#parts.devices, signal);
  }

  async create(
    request: CreateRequest,
    signal: AbortSignal,
    onProgress: (progress: ImageProgress) => void = () => {},
  ): Promise<KernelView> {
    await this.#readiness.ready();
    return this.#view(await this.#admission.create(request, signal, onProgress));
  }

  async list({ all, filter = everything }: Parameters<Agent['list']>[0]): Promise<readonly KernelView[]> {
    await this.#readiness.ready();
    const ended = all || filter.phases.includes('terminated');
    const records = this.#parts.kernels.list({ ended }).filter((record) => passes(record, filter));
    return records.map((record) => this.#view(record));
  }

  async inspect(id: string): Promise<KernelView> {
    return this.#view(await this.#find(id));
  }

  async inspectNow(id: string, signal: AbortSignal): Promise<KernelView> {
    const record = await this.#find(id);
    await this.#usage.refresh(record, signal);
    return await this.inspect(record.spec.id);
  }

  async destroy(id: string, options: EndOptions): Promise<KernelView> {
    const record = await this.#find(id);
    if (record.phase === 'terminated') throw this.#notRunning(record);
    const reason = options.reason ?? (options.force ? 'force-terminated' : 'user-requested');
    return this.#view(await this.#parts.kernels.destroy(record.spec.id, { ...options, reason }));
  }

  async restart(id: string, signal: AbortSignal, environ: Readonly<Record<string, string>> = {}): Promise<KernelView> {
    const record = await this.#find(id);
    const changed = Object.entries(environ);
    checkEnviron({ environ: Object.fromEntries([...record.spec.environ, ...changed]), takesAnyNames: true });
    // Later the old container is gone, and a kernel whose new one cannot be started ends.
    await checkUnmoved(record.spec.mounts, this.#parts.files);
    return this.#view(await this.#parts.kernels.restart(record.spec.id, signal, changed));
  }

  async pause(id: string): Promise<KernelView> {
    const { spec } = await this.#find(id);
    return this.#view(await this.#parts.kernels.pause(spec.id, 'request'));
  }

  async resume(id: string, signal: AbortSignal): Promise<KernelView> {
    const { spec } = await this.#find(id);
    this.#watch.used(spec.id);
    return this.#view(await this.#parts.kernels.resume(spec.id, signal));
  }

  async wait(id: string, state: AwaitedState, timeoutMs: number, signal: AbortSignal): Promise<KernelView> {
    const record = await awaitState(this.#parts, await this.#find(id), { state, timeoutMs }, signal);
    if (record.phase === 'terminated' && !isAsAwaited(record, state)) throw this.#notRunning(record);
    return this.#view(record);
  }

  async keptFiles(): Promise<readonly KeptView[]> {
    return (await this.#parts.kernels.kept()).map(keptViewOf);
  }

  async restore(id: string, signal: AbortSignal): Promise<KernelView> {
    await this.#readiness.ready();
    return this.#view(await this.#admission.restore(id, signal));
  }

  async moveKept(id: string, to: string, signal: AbortSignal): Promise<KeptView> {
    const { kernels, files } = this.#parts;
    const kept = await kernels.keptOf(id);
    // Whether it is a folder at all is seen when they are moved.
    await files.find(dirname(to)).catch((error: unknown) => {
      if (hasCode(error, 'FILE_SYSTEM_HUNG')) throw error;
    });
    await kernels.moveKept(kept, to, signal);
    return keptViewOf(kept);
  }

  async execute(id: string, run: RunId, request: ExecuteRequest, signal: AbortSignal): Promise<{ existing: boolean }> {
    const { record, client } = await this.#runner(id);
    const reply = await client.request('execute', { run, request }, { signal });
    if (!reply.existing) this.#watch.executionStarted(record, run);
    return reply;
  }

  async listRuns(id: string): Promise<readonly RunSummary[]> {
    const { spec } = await this.#find(id);
    return this.#parts.kernels.client(spec.id).runs();
  }

  async runNamed(id: string, text: RunId, signal: AbortSignal): Promise<RunId> {
    const { spec } = await this.#find(id);
    const client = this.#parts.kernels.client(spec.id);
    // Of a runner that has not been heard yet no run is known.
    if (client.status() === null && client.unreachableSince() === null) await client.ready(signal);
    return runNamed(text, client.runs()) ?? text;
  }

  async *events(id: string, run: RunId, after: number, signal: AbortSignal): ReturnType<Agent['events']> {
    const { client } = await this.#runner(id);
    yield* client.events(run, after, signal);
  }

  async input(id: string, run: RunId, text: string | null, signal: AbortSignal): Promise<void> {
    const { client } = await this.#runner(id);
    await client.request('input', { run, text }, { signal });
  }

  async stdin(id: string, run: RunId, data: Uint8Array, eof: boolean, signal: AbortSignal): Promise<{ open: boolean }> {
    const { client } = await this.#runner(id);
    return await client.request('stdin', { run, eof }, { signal, body: data });
  }

  async interrupt(
    id: string,
    run: RunId | null,
    signal: AbortSignal,
    context?: string,
  ): Promise<{ interrupted: boolean }> {
    const { client } = await this.#runner(id);
    return await client.request('interrupt', { run, ...inContext(context) }, { signal });
  }

  async cancel(id: string, run: RunId, killSignal: string, signal: AbortSignal): Promise<void> {
    const { client } = await this.#runner(id);
    await client.request('cancel', { run, signal: killSignal }, { signal });
  }

  async signal(id: string, run: RunId, name: string, signal: AbortSignal): Promise<{ delivered: boolean }> {
    const { client } = await this.#runner(id);
    return await client.request('signal', { run, signal: name }, { signal });
  }

  async resize(id: string, run: RunId, size: TerminalSize, signal: AbortSignal): Promise<{ resized: boolean }> {
    const { client } = await this.#runner(id);
    return await client.request('resize', { run, ...size }, { signal });
  }

  async complete(
    id: string,
    code: string,
    cursor: number,
    signal: AbortSignal,
    context?: string,
  ): Promise<readonly string[]> {
    const { client } = await this.#runner(id);
    return (await client.request('complete', { code, cursor, ...inContext(context) }, { signal })).matches;
  }

  async listContexts(id: string, signal: AbortSignal): Promise<readonly ContextState[]> {
    const { client } = await this.#runner(id);
    return (await client.request('contexts', null, { signal })).contexts;
  }

  async createContext(
    id: string,
    { name, language, cwd }: ContextRequest,
    signal: AbortSignal,
  ): Promise<{ existing: boolean }> {
    const runtime = language === undefined ? null : knownLanguage(language).type;
    const { client } = await this.#runner(id);
    return await client.request('create-context', { name, runtime, cwd: cwd ?? null }, { signal });
  }

  async restartContext(id: string, name: string, signal: AbortSignal): Promise<void> {
    const { client } = await this.#runner(id);
    await client.request('restart-context', { name }, { signal });
  }

  async removeContext(id: string, name: string, signal: AbortSignal): Promise<void> {
    const { client } = await this.#runner(id);
    await client.request('remove-context', { name }, { signal });
  }

  async startService(id: string, name: string, options: ServiceOptions, signal: AbortSignal): Promise<ServiceOutcome> {
    const { record, client } = await this.#runner(id);
    return await startService(record.spec, client, { name, options }, signal);
  }

  async stopService(id: string, name: string, signal: AbortSignal): Promise<void> {
    const { record, client } = await this.#runner(id);
    await stopService(record.spec, client, name, signal);
  }

  async ports(id: string, signal: AbortSignal): Promise<KernelPorts> {
    const { record, client } = await this.#runner(id);
    const listening = await client.request('listening-ports', null, { signal });
    return { ...listening, published: record.placement.hostPorts };
  }

  async connectPort(id: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const { record, client } = await this.#runner(id);
    const stream = await client.connectPort(port, signal);
    const held = this.#watch.connected(record.spec.id);
    stream.once('close', () => held[Symbol.dispose]());
    return stream;
  }

  async upload(
    id: string,
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { mode: number | null; signal: AbortSignal },
  ): Promise<{ bytes: number }> {
    const { client } = await this.#runner(id);
    return await client.upload(path, content, options);
  }

  async download(id: string, path: string, signal: AbortSignal): Promise<Download> {
    const { client } = await this.#runner(id);
    return await client.download(path, signal);
  }

  async listFiles(id: string, path: string, signal: AbortSignal): ReturnType<Agent['listFiles']> {
    const { client } = await this.#runner(id);
    return await listFiles(client, path, signal);
  }

  async fileWork(id: string): Promise<FileWork> {
    return new FileWork((await this.#runner(id)).client, this.#parts.clock);
  }

  async *logs(id: string, options: { follow: boolean }, signal: AbortSignal): AsyncIterable<LogPiece> {
    const record = await this.#find(id);
    if (record.containerId === null || record.phase === 'terminated') throw this.#notRunning(record);
    yield* this.#parts.engine.containerLogs(record.containerId, { follow: options.follow }, signal);
  }

  async stats(signal: AbortSignal): Promise<readonly KernelStats[]> {
    await this.#readiness.ready();
    return await this.#parts.statistics.now(signal);
  }

  async kernelMetrics(id: string, signal: AbortSignal): Promise<KernelMetrics> {
    return await this.#usage.metricsOf(await this.#find(id), signal);
  }

  async nodeMetrics(): ReturnType<Agent['nodeMetrics']> {
    await this.#readiness.ready();
    return this.#parts.statistics.node();
  }

  async finalRecords(): ReturnType<Agent['finalRecords']> {
    return await this.#parts.statistics.finalRecords();
  }

  async *exposition(signal: AbortSignal): AsyncIterable<string> {
    yield* this.#exporter.exposition(await this.status(), signal);
  }

  async *kernelEvents(
    options: { after: number; follow: boolean },
    signal: AbortSignal,
  ): ReturnType<Agent['kernelEvents']> {
    yield* this.#parts.events.read(options, signal);
  }

  images(signal: AbortSignal): Promise<readonly ImageView[]> {
    return this.#parts.images.list(signal);
  }

  inspectImage(reference: string, signal: AbortSignal): Promise<ImageView> {
    return this.#parts.images.inspect(reference, signal);
  }

  buildImage(name: string, signal: AbortSignal, onProgress: (progress: ImageProgress) => void): Promise<ImageView> {
    return this.#parts.images.build(name, onProgress, signal);
  }

  pullImage(
    reference: string,
    signal: AbortSignal,
    onProgress: (progress: ImageProgress) => void,
    auth?: RegistryAuth,
  ): Promise<ImageView> {
    return this.#parts.images.pull(reference, onProgress, signal, auth);
  }

  async provideImage(wish: Parameters<Agent['provideImage']>[0], signal: AbortSignal): Promise<void> {
    this.#admission.assertEngine();
    await this.#parts.images.find({ ...wish, language: undefined, pull: 'always' }, () => {}, signal);
  }

  removeImage(reference: string, options: ImageRemoval, signal: AbortSignal): Promise<void> {
    return this.#parts.images.remove(reference, options, signal);
  }

  /** Stops following and lets go of the runners; kernels go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#readiness.enter('stopping');
    await this.#watch[Symbol.asyncDispose]();
    this.#usage[Symbol.dispose]();
    this.#exporter[Symbol.dispose]();
    this.#admission[Symbol.dispose]();
    await this.#parts.statistics[Symbol.asyncDispose]();
    await this.#parts.release();
  }

  #engineProblem(): string | null {
    const { kernels } = this.#parts;
    const failure = this.#watch.engineFailure() ?? kernels.engineProblem()?.message ?? null;
    return failure ?? (kernels.engineHealthy() ? null : 'the engine does not answer');
  }

  async #find(id: string): Promise<KernelRecord> {
    await this.#readiness.ready();
    return this.#parts.kernels.resolve(id);
  }

  /** Of a kernel that kernelet has paused, when it goes on. */
  async #runner(id: string): Promise<{ record: KernelRecord; client: RunnerClient }> {
    const record = await this.#find(id);
    this.#watch.used(record.spec.id);
    if (isPausedByUs(record)) await this.#resumed(record);
    return { record, client: this.#parts.kernels.client(record.spec.id) };
  }

  async #resumed({ spec: { id } }: KernelRecord): Promise<void> {
    const { kernels, clock } = this.#parts;
    await withDeadline({ what: `resuming kernel ${id}`, timeoutMs: resumeMs, clock }, ({ signal }) =>
      kernels.resume(id, signal),
    );
  }

  #view(record: KernelRecord): KernelView {
    const { id } = record.spec;
    const usage = this.#usage.usageOf(id);
    const lost = this.#parts.devices.lostOf(id);
    const warnings = [...this.#admission.warningsOf(id), ...this.#parts.kernels.unheldLimits(id)];
    const stuck = this.#parts.kernels.stuckOf(id);
    return viewOf(record, this.#watch.clientOf(record), usage, warnings, lost, this.#watch.dropped.of(id), stuck);
  }

  #notRunning(record: KernelRecord): KerneletError {
    const why = record.termination ? `it ended: ${record.termination.reason}` : `it is ${record.phase}`;
    return new KerneletError('KERNEL_NOT_RUNNING', `kernel ${record.spec.id} is not running (${why})`, {
      context: { kernel: record.spec.id },
    });
  }
}

/** Nothing is said of the main context, which runners of older versions know by no name. */
const inContext = (context: string | undefined): { readonly context?: string } =>
  context === undefined || context === mainContext ? {} : { context };
