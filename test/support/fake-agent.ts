/** An agent without an engine, for tests of the doors: kernels are entries of a map, runs are what the test plants. */
import { posix } from 'node:path';
import type {
  Agent,
  AgentStatus,
  CreateRequest,
  ImageProgress,
  ImageView,
  KeptView,
  KernelMetrics,
  KernelStats,
  KernelView,
  LogPiece,
  NodeResources,
} from '../../src/agent/agent.ts';
import type { NumberedKernelEvent } from '../../src/events/kernel-event.ts';
import type { Download } from '../../src/execution/runner-client.ts';
import { KerneletError } from '../../src/lib/errors.ts';
import { asContainerId, newKernelId, parseKernelId, parseSessionId, type RunId } from '../../src/lib/ids.ts';
import type { FileEntry } from '../../src/protocol/agent-frames.ts';
import type { ExecuteRequest } from '../../src/protocol/execute-request.ts';
import type { ServiceOptions, ServiceOutcome } from '../../src/protocol/kernel-services.ts';
import type { NumberedRunEvent, RunEvent } from '../../src/protocol/run-event.ts';

/** A planted event: its header and its bytes. */
export type PlantedEvent = readonly [RunEvent, (string | Uint8Array)?];

/** One run of the fake. */
export interface FakeRun {
  readonly kernel: string;
  readonly request: ExecuteRequest;
  readonly stdin: Buffer[];
  readonly inputs: (string | null)[];
  readonly signals: string[];
  stdinEnded: boolean;
  interrupts: number;
}

const finished: PlantedEvent = [{ kind: 'finished', exitCode: 0, reason: 'exited' }];

/** The fake. Plant what it should do, then look at what was asked of it. */
export class FakeAgent implements Agent {
  readonly kernels = new Map<string, KernelView>();
  readonly runs = new Map<string, FakeRun>();
  readonly creations: CreateRequest[] = [];
  readonly files = new Map<string, { bytes: Buffer; mode: number | null }>();
  /** What folders come as. */
  readonly archives = new Map<string, () => ReadableStream<Uint8Array>>();
  /** Files whose content may have another size. */
  readonly lies = new Map<string, { readonly size: number; readonly content: () => ReadableStream<Uint8Array> }>();
  readonly calls: string[] = [];
  /** What every run says, in order. */
  script: (run: FakeRun, signal: AbortSignal) => AsyncIterable<PlantedEvent> | Iterable<PlantedEvent> = () => [
    [{ kind: 'started' }],
    finished,
  ];
  /** Runs before a creation ends; may wait or throw. */
  whileCreating: (signal: AbortSignal, onProgress: (progress: ImageProgress) => void) => Promise<void> = async () => {};
  /** The latest number that a reader of events has asked to follow, by run. */
  readonly consumed = new Map<string, number>();
  kernelHistory: NumberedKernelEvent[] = [];
  logPieces: LogPiece[] = [];

  async status(): Promise<AgentStatus> {
    return {
      version: '0.0.0',
      mode: 'standalone',
      phase: 'ready',
      agentId: 'i-test',
      stateDir: '/nowhere',
      pid: 1,
      startedAt: 0,
      engine: { address: 'unix:///nowhere', healthy: true, detail: '' },
      kernels: this.kernels.size,
      slots: { cpus: slot, memoryBytes: slot, ports: slot },
      invariantViolations: {},
    };
  }

  async acceptEngine(): Promise<AgentStatus['engine']> {
    this.calls.push('accept engine');
    return { address: 'unix:///elsewhere', healthy: true, detail: '' };
  }

  async resources(): Promise<NodeResources> {
    const metadata = {};
    return { slots: [], devices: [], plugins: {}, metadata, hardware: {} };
  }

  async create(
    request: CreateRequest,
    signal: AbortSignal,
    onProgress: (progress: ImageProgress) => void = () => {},
  ): Promise<KernelView> {
    this.creations.push(request);
    await this.whileCreating(signal, onProgress);
    const id = request.id === undefined ? newKernelId() : parseKernelId(request.id);
    if (this.kernels.has(id)) throw new KerneletError('KERNEL_EXISTS', `the kernel ${id} exists`);
    const kernel = fakeKernel(id, request);
    this.kernels.set(id, kernel);
    return kernel;
  }

  async list(): Promise<readonly KernelView[]> {
    return [...this.kernels.values()];
  }

  async inspect(id: string): Promise<KernelView> {
    const found = [...this.kernels.values()].filter((kernel) => kernel.id.startsWith(id.toLowerCase()));
    const [only] = found;
    if (!only) throw new KerneletError('KERNEL_NOT_FOUND', `no kernel has the id ${id}`);
    if (found.length > 1) throw new KerneletError('AMBIGUOUS_ID', `several kernels begin with ${id}`);
    return only;
  }

  async destroy(id: string, options: { force: boolean }): Promise<KernelView> {
    const kernel = await this.inspect(id);
    this.calls.push(`destroy ${kernel.id} ${options.force ? 'force' : 'gentle'}`);
    this.kernels.delete(kernel.id);
    return kernel;
  }

  /** What is kept of ended kernels. */
  kept: KeptView[] = [];

  async keptFiles(): Promise<readonly KeptView[]> {
    return this.kept;
  }

  async restore(id: string): Promise<KernelView> {
    const kept = this.#takeKept(id);
    const kernel = fakeKernel(kept.id, { environ: {}, mounts: [], publish: [], interpreter: 'eager' });
    this.kernels.set(kernel.id, kernel);
    return kernel;
  }

  async moveKept(id: string, to: string): Promise<KeptView> {
    this.calls.push(`move ${id} to ${to}`);
    return this.#takeKept(id);
  }

  #takeKept(id: string): KeptView {
    const found = this.kept.find((one) => one.id.startsWith(id));
    if (!found) throw new KerneletError('KERNEL_NOT_FOUND', `nothing is kept of ${id}`);
    this.kept = this.kept.filter((one) => one !== found);
    return found;
  }

  async restart(id: string): Promise<KernelView> {
    const kernel = await this.inspect(id);
    const restarted = { ...kernel, generation: kernel.generation + 1 };
    this.kernels.set(kernel.id, restarted);
    return restarted;
  }

  async execute(id: string, run: RunId, request: ExecuteRequest): Promise<{ existing: boolean }> {
    const kernel = await this.inspect(id);
    if (this.runs.has(run)) return { existing: true };
    const made = { kernel: kernel.id, request, stdin: [], inputs: [], signals: [], stdinEnded: false, interrupts: 0 };
    this.runs.set(run, made);
    return { existing: false };
  }

  async *events(id: string, run: RunId, after: number, signal: AbortSignal): AsyncGenerator<NumberedRunEvent> {
    await this.inspect(id);
    const found = this.#run(run);
    let n = 0;
    for await (const [event, body = ''] of this.script(found, signal)) {
      signal.throwIfAborted();
      n += 1;
      if (n <= after) continue;
      yield { n, event, body: typeof body === 'string' ? Buffer.from(body) : body };
      this.consumed.set(run, n);
    }
  }

  async input(_id: string, run: RunId, text: string | null): Promise<void> {
    this.#run(run).inputs.push(text);
  }

  async stdin(_id: string, run: RunId, data: Uint8Array, eof: boolean): Promise<{ open: boolean }> {
    const found = this.#run(run);
    if (data.length > 0) found.stdin.push(Buffer.from(data));
    if (eof) found.stdinEnded = true;
    return { open: !found.stdinEnded };
  }

  async interrupt(id: string, run: RunId | null): Promise<{ interrupted: boolean }> {
    await this.inspect(id);
    if (run === null) return { interrupted: false };
    this.#run(run).interrupts += 1;
    return { interrupted: true };
  }

  async cancel(_id: string, run: RunId, killSignal: string): Promise<void> {
    this.#run(run).signals.push(killSignal);
  }

  async startService(id: string, name: string, options: ServiceOptions): Promise<ServiceOutcome> {
    await this.inspect(id);
    this.calls.push(`start service ${name} ${JSON.stringify(options)}`);
    if (name === 'jupyter') return { status: 'started' };
    return { status: 'failed', error: 'invalid service name' };
  }

  async stopService(id: string, name: string): Promise<void> {
    await this.inspect(id);
    this.calls.push(`stop service ${name}`);
  }

  async complete(id: string, code: string, cursor: number): Promise<readonly string[]> {
    await this.inspect(id);
    return [`${code.slice(0, cursor)}ing`];
  }

  async upload(
    id: string,
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { mode: number | null },
  ): Promise<{ bytes: number }> {
    await this.inspect(id);
    if (path.startsWith('..')) throw new KerneletError('FORBIDDEN_PATH', `${path} lies outside of /home/work`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    this.files.set(path, { bytes, mode: options.mode });
    return { bytes: bytes.length };
  }

  async download(id: string, path: string): Promise<Download> {
    await this.inspect(id);
    const folder = this.archives.get(path);
    if (folder) return { form: 'tar', size: null, name: path, content: folder() };
    const lie = this.lies.get(path);
    if (lie) return { form: 'file', size: lie.size, name: path, content: lie.content() };
    const file = this.files.get(path);
    if (!file) throw new KerneletError('FILE_NOT_FOUND', `${path} does not exist`);
    const content = new Blob([new Uint8Array(file.bytes)]).stream();
    return { form: 'file', size: file.bytes.length, name: path, content };
  }

  async listFiles(id: string, path: string): Promise<{ path: string; files: readonly FileEntry[] }> {
    await this.inspect(id);
    const inside = posix.join(path, '/');
    const isFolder = inside === './' || [...this.files.keys()].some((name) => name.startsWith(inside));
    if (!isFolder) throw new KerneletError('FILE_NOT_FOUND', `${path} is not a folder`);
    const times = { ctime: 1, mtime: 1, atime: 1 };
    const files = [...this.files].map(([filename, { bytes }]) => ({
      filename,
      size: bytes.length,
      mode: '-rw-r--r--',
      ...times,
    }));
    return { path, files };
  }

  async *logs(id: string): AsyncGenerator<LogPiece> {
    await this.inspect(id);
    yield* this.logPieces;
  }

  async stats(): Promise<readonly KernelStats[]> {
    return [...this.kernels.values()].map(({ id, sessionId }) => fakeStats(id, sessionId));
  }

  async kernelMetrics(id: string): Promise<KernelMetrics> {
    const { id: kernel, sessionId } = await this.inspect(id);
    const process = { cpuSeconds: 1, memoryBytes: 2, readBytes: null, writtenBytes: null, devices: [] };
    return { kernel: fakeStats(kernel, sessionId), processes: { '42': process } };
  }

  async nodeMetrics(): ReturnType<Agent['nodeMetrics']> {
    const memoryBytes = { value: 1, capacity: 2, perSecond: null, parts: {} };
    const cpuSeconds = { value: 3, capacity: 5, perSecond: 0.5, parts: { '0': { value: 3, capacity: 5 } } };
    const devices = [{ measure: 'cuda_mem', unit: 'bytes', device: '0', value: 2, capacity: null }];
    return { cpuSeconds, memoryBytes, diskBytes: null, receivedBytes: null, sentBytes: null, devices, missing: [] };
  }

  async finalRecords(): ReturnType<Agent['finalRecords']> {
    return [{ kernelId: newKernelId(), sessionId: null, reason: 'user-requested', endedAt: 2, ...fakeUsage }];
  }

  async *exposition(): AsyncGenerator<string> {
    yield '# TYPE kernelet_ready gauge\n';
    yield 'kernelet_ready 1\n';
  }

  async *kernelEvents(options: { after: number }): AsyncGenerator<NumberedKernelEvent> {
    yield* this.kernelHistory.filter(({ sequence }) => sequence > options.after);
  }

  async images(): Promise<readonly ImageView[]> {
    return [fakeImage('kernelet/python:latest')];
  }

  async inspectImage(reference: string): Promise<ImageView> {
    if (reference.includes('absent')) throw new KerneletError('IMAGE_NOT_FOUND', `${reference} is not here`);
    return fakeImage(reference);
  }

  async buildImage(name: string, _: AbortSignal, onProgress: (progress: ImageProgress) => void): Promise<ImageView> {
    onProgress({ message: `building ${name}`, fraction: 0.5 });
    return fakeImage(`kernelet/${name}:latest`);
  }

  async pullImage(reference: string): Promise<ImageView> {
    if (reference.includes('absent')) throw new KerneletError('IMAGE_PULL_FAILED', `${reference} cannot be pulled`);
    return fakeImage(reference);
  }

  async provideImage(): Promise<void> {}
  async removeImage(reference: string, options: { force: boolean }): Promise<void> {
    if (reference.includes('absent')) throw new KerneletError('IMAGE_NOT_FOUND', `${reference} is not here`);
    this.calls.push(`remove image ${reference}${options.force ? ' force' : ''}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #run(run: RunId): FakeRun {
    const found = this.runs.get(run);
    if (!found) throw new KerneletError('RUN_NOT_FOUND', `no run has the id ${run}`);
    return found;
  }
}

const slot = { total: 2, used: 0 };

function fakeKernel(id: ReturnType<typeof newKernelId>, request: CreateRequest): KernelView {
  return {
    id,
    sessionId: parseSessionId(id),
    phase: 'running',
    image: request.image ?? 'kernelet/python:latest',
    runtime: request.language ?? 'python',
    limits: {
      cpus: request.cpus ?? 1,
      memoryBytes: request.memoryBytes ?? 1024 ** 3,
      processes: request.processes ?? 512,
      sharedMemoryBytes: null,
      diskBytes: null,
      openFiles: null,
    },
    devices: [],
    network: typeof request.network === 'object' ? request.network.name : (request.network ?? 'bridge'),
    mounts: request.mounts,
    ports: request.publish.map((containerPort, index) => ({ containerPort, hostPort: 30_000 + index })),
    environ: request.environ,
    containerId: asContainerId('c0ffee'),
    generation: 1,
    createdAt: 1,
    readyAt: 2,
    missingSince: null,
    termination: null,
    timings: [{ step: 'container', ms: 3 }],
    runner: { phase: 'ready', interpreter: 'idle', detail: '', startedAt: 1, logBytesDropped: 0, models: [] },
    runs: [],
    usage: fakeUsage,
    warnings: [],
  };
}

const fakeUsage = {
  since: 1,
  at: 2,
  cpuSeconds: 1,
  throttledSeconds: 0,
  memoryPeakBytes: 3,
  outOfMemoryKills: 1,
  processesPeak: 5,
  processLimitHits: null,
  readBytes: 1,
  writtenBytes: 1,
  receivedBytes: 1,
  sentBytes: 1,
  scratchPeakBytes: null,
  overuse: [{ kind: 'out-of-memory', count: 1, firstAt: 1, lastAt: 1, detail: 'killed at its limit on memory: x' }],
} as const;

function fakeStats(id: KernelStats['id'], sessionId: KernelStats['sessionId']): KernelStats {
  return {
    id,
    sessionId,
    at: 2,
    cpuSeconds: 1,
    cpuCores: 0.5,
    throttledSeconds: 0,
    cpuPeriods: 0,
    throttledPeriods: 0,
    memoryBytes: 2,
    memoryPeakBytes: 3,
    memoryLimitBytes: 4,
    outOfMemoryKills: 0,
    processes: 5,
    processesLimit: 64,
    processLimitHits: 0,
    readBytes: 1,
    writtenBytes: 1,
    receivedBytes: 1,
    sentBytes: 1,
    readBytesPerSecond: 0,
    writtenBytesPerSecond: 0,
    receivedBytesPerSecond: 0,
    sentBytesPerSecond: null,
    scratchBytes: null,
    cpuStall: { some: 1, full: 0 },
    memoryStall: null,
    ioStall: null,
    devices: [{ measure: 'cuda_mem', unit: 'bytes', value: 2, capacity: 4 }],
    overuse: [],
    missing: [{ source: 'disk', reason: 'io.stat is cut off' }],
  };
}

function fakeImage(reference: string): ImageView {
  return {
    reference,
    id: 'sha256:1',
    architecture: 'amd64',
    sizeBytes: 1,
    createdAt: '2026-01-01T00:00:00Z',
    runtime: 'python',
    labelled: true,
    labels: { 'ai.backend.runtime-type': 'python' },
    problems: [],
  };
}
