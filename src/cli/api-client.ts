/** The API as methods. Errors of the API come out as the KerneletErrors they were. */
import type { Duplex } from 'node:stream';
import type { LogPiece } from '../agent/agent.ts';
import type {
  ApiBody,
  ApiEvent,
  ApiReply,
  Context,
  Image,
  KeptFiles,
  Kernel,
  KernelEvent,
  KernelFigures,
  OperationName,
  Progress,
  Run,
} from '../http/api-types.ts';
import { KerneletError } from '../lib/errors.ts';
import { object, oneOf, type Reader, text } from '../lib/json-reader.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import { framesMediaType } from '../protocol/run-frames.ts';
import { type ApiCall, ApiExchange, binaryHeaders, type StreamOptions } from './api-exchange.ts';
import { contextPath, keptPath, kernelPath, query, runPath, servicePath } from './api-paths.ts';
import { FileRequests } from './file-requests.ts';
import type { Transport } from './transport.ts';

/** A request for a kernel as the API takes it. */
export type CreateBody = ApiBody<'createKernel'>;
/** What is to be executed, as the API takes it. */
export type ExecuteRequest = ApiBody<'execute'>['request'];

/** Which kernels to list: parameters of the API. */
export interface ListOptions {
  readonly all?: boolean;
  readonly name?: readonly string[];
  readonly label?: readonly string[];
  readonly phase?: readonly string[];
}

/** A kernel that lives as long as somebody holds this. */
export interface AttachedKernel {
  readonly kernel: Kernel;
  /** Lets go: an agent that still has the kernel removes it. */
  release(): void;
}

/** How long a daemon may take to show that it is there. */
const answerTimeoutMs = 2_000;

/** A client of the local API. Disposing it closes the way to the agent. */
export class ApiClient implements AsyncDisposable {
  readonly files: FileRequests;
  readonly #api: ApiExchange;

  constructor(transport: Transport) {
    this.#api = new ApiExchange(transport);
    this.files = new FileRequests(this.#api, () => this.#answers());
  }

  /** Takes the engine that answers for the one that has the kernels. */
  acceptEngine(): Promise<ApiReply<'acceptEngine'>> {
    return this.#api.json<'acceptEngine'>({ method: 'POST', path: '/v1/engine/accept', idempotent: true });
  }

  /** Creates a kernel that is removed when this process goes away. */
  async createAttached(
    document: CreateBody,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
    force = false,
  ): Promise<AttachedKernel> {
    const released = new AbortController();
    const lifetime = AbortSignal.any([signal, released.signal]);
    const path = `/v1/kernels${query({ attached: true, force })}`;
    const work = this.#api.work<'createKernel'>({ method: 'POST', path, document, signal: lifetime }, onProgress);
    const first = await work.next();
    if (first.done) throw cutOff();
    // The rest of the stream is only comments; reading it keeps the connection from filling up.
    void work.next().catch(() => {});
    return { kernel: first.value, release: () => released.abort() };
  }

  /** `force`: also where the cluster decides. */
  create(
    document: CreateBody,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
    force = false,
  ): Promise<Kernel> {
    const path = `/v1/kernels${query({ force })}`;
    return this.#result<'createKernel'>({ method: 'POST', path, document, signal }, onProgress);
  }

  /** Those of this node that the filters pass; `all`: also those that ended a short while ago. */
  async list(options: ListOptions, call: StreamOptions = {}): Promise<readonly Kernel[]> {
    const path = `/v1/kernels${query({ ...options })}`;
    return (await this.#api.json<'listKernels'>({ method: 'GET', path, idempotent: true, ...call })).kernels;
  }

  async inspect(id: string): Promise<Kernel> {
    return await this.#api.json<'inspectKernel'>({ method: 'GET', path: kernelPath(id), idempotent: true });
  }

  async destroy(id: string, options: { readonly force: boolean; readonly forget?: boolean }): Promise<Kernel> {
    const path = `${kernelPath(id)}${query({ ...options })}`;
    return await this.#api.json<'destroyKernel'>({ method: 'DELETE', path, idempotent: true });
  }

  /** `force`: also where the cluster decides. */
  async restart(id: string, signal: AbortSignal, force = false): Promise<Kernel> {
    const path = `${kernelPath(id)}/restart${query({ force })}`;
    return await this.#api.json<'restartKernel'>({ method: 'POST', path, signal });
  }

  /** How it is when it is so, or after a while. */
  async wait(id: string, state: string, timeoutMs: number, signal: AbortSignal): Promise<Kernel> {
    const path = `${kernelPath(id)}/wait${query({ for: state, timeoutMs: String(timeoutMs) })}`;
    return await this.#api.json<'waitForKernel'>({ method: 'GET', path, idempotent: true, signal });
  }

  /** `force`: also where the cluster decides. */
  async pause(id: string, force: boolean): Promise<Kernel> {
    const path = `${kernelPath(id)}/pause${query({ force })}`;
    return await this.#api.json<'pauseKernel'>({ method: 'POST', path, idempotent: true });
  }

  /** `force`: also where the cluster decides. */
  async resume(id: string, force: boolean): Promise<Kernel> {
    const path = `${kernelPath(id)}/resume${query({ force })}`;
    return await this.#api.json<'resumeKernel'>({ method: 'POST', path, idempotent: true });
  }

  async keptFiles(): Promise<readonly KeptFiles[]> {
    return (await this.#api.json<'listKeptFiles'>({ method: 'GET', path: '/v1/kept', idempotent: true })).kept;
  }

  /** `force`: also where the cluster decides. */
  async restore(id: string, signal: AbortSignal, force = false): Promise<Kernel> {
    const path = `${keptPath(id)}/restore${query({ force })}`;
    return this.#result<'restoreKernel'>({ method: 'POST', path, signal }, () => {});
  }

  async moveKept(id: string, to: string, signal: AbortSignal): Promise<KeptFiles> {
    const path = `${keptPath(id)}/move`;
    return this.#result<'moveKeptFiles'>({ method: 'POST', path, document: { to }, signal }, () => {});
  }

  /** The run id makes it safe to send twice. */
  async execute(id: string, run: string, request: ExecuteRequest, signal: AbortSignal): Promise<void> {
    const path = `${kernelPath(id)}/runs`;
    await this.#api.json<'execute'>({ method: 'POST', path, document: { run, request }, idempotent: true, signal });
  }

  /** Those that wait or run, and those that ended a short while ago. */
  async runs(id: string): Promise<readonly Run[]> {
    const path = `${kernelPath(id)}/runs`;
    return (await this.#api.json<'listRuns'>({ method: 'GET', path, idempotent: true })).runs;
  }

  /** A signal to the processes of a run, and nothing more; whether there were any. */
  async signalRun(id: string, run: string, document: ApiBody<'signalRun'>): Promise<boolean> {
    const path = `${runPath(id, run)}/signal`;
    return (await this.#api.json<'signalRun'>({ method: 'POST', path, document })).delivered;
  }

  /** The size of its terminal; whether it has one. */
  async resizeRun(id: string, run: string, document: ApiBody<'resizeRun'>, signal: AbortSignal): Promise<boolean> {
    const path = `${runPath(id, run)}/resize`;
    return (await this.#api.json<'resizeRun'>({ method: 'POST', path, document, idempotent: true, signal })).resized;
  }

  /** The events of a run above `after`, until the stream ends or breaks. Rejects like every request. */
  async runEvents(
    id: string,
    run: string,
    after: number,
    options: StreamOptions,
  ): Promise<AsyncIterable<NumberedRunEvent>> {
    const headers = { accept: framesMediaType, 'last-event-id': String(after) };
    const path = `${runPath(id, run)}/events`;
    return await this.#api.runEvents({ method: 'GET', path, headers, idempotent: true, ...options });
  }

  /** Answers a program that waits for input; null = there is no more. */
  async input(id: string, run: string, answer: string | null, signal: AbortSignal): Promise<void> {
    const path = `${runPath(id, run)}/input`;
    await this.#api.json<'answerInput'>({ method: 'POST', path, document: { text: answer }, signal });
  }

  /** Whether the program still reads is in the reply. */
  async stdin(
    id: string,
    run: string,
    body: Uint8Array,
    eof: boolean,
    signal: AbortSignal,
  ): Promise<ApiReply<'writeStdin'>> {
    const path = `${runPath(id, run)}/stdin${query({ eof })}`;
    return await this.#api.json<'writeStdin'>({ method: 'POST', path, headers: binaryHeaders, body, signal });
  }

  async interrupt(id: string, run: string, signal?: AbortSignal): Promise<boolean> {
    const path = `${runPath(id, run)}/interrupt`;
    return (await this.#api.json<'interruptRun'>({ method: 'POST', path, signal })).interrupted;
  }

  /** What runs in a context. */
  async interruptContext(id: string, context: string): Promise<boolean> {
    const path = `${contextPath(id, context)}/interrupt`;
    return (await this.#api.json<'interruptContext'>({ method: 'POST', path })).interrupted;
  }

  async createContext(id: string, document: ApiBody<'createContext'>): Promise<ApiReply<'createContext'>> {
    return await this.#api.json<'createContext'>({ method: 'POST', path: `${kernelPath(id)}/contexts`, document });
  }

  async contexts(id: string): Promise<readonly Context[]> {
    const path = `${kernelPath(id)}/contexts`;
    return (await this.#api.json<'listContexts'>({ method: 'GET', path, idempotent: true })).contexts;
  }

  async restartContext(id: string, context: string): Promise<void> {
    await this.#api.json<'restartContext'>({ method: 'POST', path: `${contextPath(id, context)}/restart` });
  }

  async removeContext(id: string, context: string): Promise<void> {
    await this.#api.json<'removeContext'>({ method: 'DELETE', path: contextPath(id, context) });
  }

  /** Ends a run by a signal, and by force a little later; one that waits is not begun. */
  async cancel(
    id: string,
    run: string,
    killSignal: ApiBody<'cancelRun'>['signal'],
    signal?: AbortSignal,
  ): Promise<void> {
    const path = `${runPath(id, run)}/cancel`;
    await this.#api.json<'cancelRun'>({ method: 'POST', path, document: { signal: killSignal }, signal });
  }

  async startService(
    id: string,
    service: string,
    document: ApiBody<'startService'>,
  ): Promise<ApiReply<'startService'>> {
    const path = `${servicePath(id, service)}/start`;
    return await this.#api.json<'startService'>({ method: 'POST', path, document });
  }

  async stopService(id: string, service: string): Promise<void> {
    const path = `${servicePath(id, service)}/stop`;
    await this.#api.json<'stopService'>({ method: 'POST', path, idempotent: true });
  }

  /** The TCP ports of a kernel: what is published, and on which something listens. */
  async ports(id: string): Promise<ApiReply<'listPorts'>> {
    return await this.#api.json<'listPorts'>({ method: 'GET', path: `${kernelPath(id)}/ports`, idempotent: true });
  }

  /** A connection to a TCP port in the kernel. The signal counts until it is connected. */
  async connectPort(id: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return await this.#api.connect(`${kernelPath(id)}/ports/${port}`, signal);
  }

  async complete(id: string, document: ApiBody<'complete'>): Promise<readonly string[]> {
    const path = `${kernelPath(id)}/complete`;
    return (await this.#api.json<'complete'>({ method: 'POST', path, document, idempotent: true })).matches;
  }

  /** Where the daemon stands now. */
  async status(signal: AbortSignal): Promise<ApiReply<'getStatus'>> {
    return await this.#api.json<'getStatus'>({ method: 'GET', path: '/v1/status', retry: 'never', signal });
  }

  /** Whether a daemon answers now. */
  async #answers(): Promise<boolean> {
    return await this.status(AbortSignal.timeout(answerTimeoutMs)).then(
      () => true,
      () => false,
    );
  }

  async logs(id: string, follow: boolean, signal: AbortSignal): Promise<AsyncIterable<LogPiece>> {
    const path = `${kernelPath(id)}/logs${query({ follow })}`;
    return logPieces(await this.#api.events<'readLogs'>({ method: 'GET', path, signal }));
  }

  async stats(): Promise<readonly KernelFigures[]> {
    return (await this.#api.json<'getStats'>({ method: 'GET', path: '/v1/stats', idempotent: true })).stats;
  }

  /** The figures again and again, until the stream breaks. */
  async followStats(intervalMs: number, options: StreamOptions): Promise<AsyncIterable<ApiReply<'getStats'>>> {
    const path = `/v1/stats/follow${query({ intervalMs })}`;
    return await this.#api.events<'followStats'>({ method: 'GET', path, idempotent: true, ...options });
  }

  /** What happened to kernels behind the event `after`; with `follow` until the stream breaks. */
  async kernelEvents(after: number, follow: boolean, options: StreamOptions): Promise<AsyncIterable<KernelEvent>> {
    const path = `/v1/events${query({ after, follow })}`;
    return await this.#api.events<'followEvents'>({ method: 'GET', path, idempotent: true, ...options });
  }

  async images(): Promise<readonly Image[]> {
    return (await this.#api.json<'listImages'>({ method: 'GET', path: '/v1/images', idempotent: true })).images;
  }

  async inspectImage(reference: string): Promise<Image> {
    const path = `/v1/images/inspect${query({ reference })}`;
    return await this.#api.json<'inspectImage'>({ method: 'GET', path, idempotent: true });
  }

  buildImage(name: string, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Image> {
    const document = { name };
    return this.#result<'buildImage'>({ method: 'POST', path: '/v1/images/build', document, signal }, onProgress);
  }

  pullImage(reference: string, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Image> {
    const document = { reference };
    return this.#result<'pullImage'>({ method: 'POST', path: '/v1/images/pull', document, signal }, onProgress);
  }

  async removeImage(reference: string, force: boolean): Promise<void> {
    const path = `/v1/images${query({ reference, force })}`;
    await this.#api.json<'removeImage'>({ method: 'DELETE', path, idempotent: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api[Symbol.asyncDispose]();
  }

  async #result<Name extends OperationName>(
    call: ApiCall<Name>,
    onProgress: (progress: ApiEvent<Name>) => void,
  ): Promise<ApiReply<Name>> {
    for await (const result of this.#api.work(call, onProgress)) return result;
    throw cutOff();
  }
}

const cutOff = (): KerneletError =>
  new KerneletError('DAEMON_UNREACHABLE', 'the daemon went away before the work was done');

const logPiece: Reader<LogPiece> = object((of) => ({
  stream: of('stream', oneOf(['stdout', 'stderr'])),
  data: Buffer.from(of('body', text), 'base64'),
}));

async function* logPieces(documents: AsyncIterable<unknown>): AsyncGenerator<LogPiece> {
  for await (const document of documents) yield readLogPiece(document);
}

function readLogPiece(document: unknown): LogPiece {
  try {
    return logPiece(document, 'log');
  } catch (cause) {
    throw new KerneletError('PROTOCOL_ERROR', 'the API sent what is no piece of a log', { cause });
  }
}
