/** The API as methods. Errors of the API come out as the KerneletErrors they were. */
import type { Agent, AgentStatus, ImageProgress, ImageView, KernelStats, KernelView } from '../agent/agent.ts';
import { kernelIdForm, maxUploadBytes } from '../http/schema/limits.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { FileEntry } from '../protocol/agent-frames.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import type { ServiceOptions, ServiceOutcome } from '../protocol/kernel-services.ts';
import { framesMediaType, type NumberedRunEvent } from '../protocol/run-event.ts';
import { ApiExchange, jsonBody } from './api-exchange.ts';
import type { ServerEvent } from './sse-parser.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

/** A request for a kernel as the API takes it. */
export type CreateBody = Partial<Parameters<Agent['create']>[0]>;

/** Options of calls. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A kernel that lives as long as somebody holds this. */
export interface AttachedKernel {
  readonly kernel: KernelView;
  /** Lets go: an agent that still has the kernel removes it. */
  release(): void;
}

const kernelPath = (id: string): string => {
  if (kernelIdForm.test(id)) return `/v1/kernels/${id}`;
  const shown = JSON.stringify(id.slice(0, 80));
  throw new KerneletError('INVALID_ARGUMENT', `${shown} is not a kernel id: a UUID or the beginning of one`);
};
const runPath = (id: string, run: string): string => `${kernelPath(id)}/runs/${encodeURIComponent(run)}`;
const query = (values: Readonly<Record<string, string | number | boolean | undefined>>): string => {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined && value !== false) parameters.set(key, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
};

/** How long a daemon may take to show that it is there. */
const answerTimeoutMs = 2_000;

/** A client of the local API. Disposing it closes the way to the agent. */
export class ApiClient implements AsyncDisposable {
  readonly #api: ApiExchange;

  constructor(transport: Transport) {
    this.#api = new ApiExchange(transport);
  }

  async status(options: CallOptions = {}): Promise<AgentStatus> {
    return (await this.#api.json({ method: 'GET', path: '/v1/status', idempotent: true, ...options })) as AgentStatus;
  }

  /** Takes the engine that answers for the one that has the kernels. */
  async acceptEngine(): Promise<AgentStatus['engine']> {
    const request = { method: 'POST', path: '/v1/engine/accept', idempotent: true } as const;
    return (await this.#api.json(request)) as AgentStatus['engine'];
  }

  /** Creates a kernel that is removed when this process goes away. */
  async createAttached(
    body: CreateBody,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
    force = false,
  ): Promise<AttachedKernel> {
    const released = new AbortController();
    const lifetime = AbortSignal.any([signal, released.signal]);
    const events = this.#work(`/v1/kernels${query({ attached: true, force })}`, body, onProgress, lifetime);
    const first = await events.next();
    if (first.done) throw cutOff();
    // The rest of the stream is only comments; reading it keeps the connection from filling up.
    void events.next().catch(() => {});
    return { kernel: first.value as KernelView, release: () => released.abort() };
  }

  /** `force`: also where a manager decides. */
  async create(
    body: CreateBody,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
    force = false,
  ): Promise<KernelView> {
    return (await this.#workResult(`/v1/kernels${query({ force })}`, body, onProgress, signal)) as KernelView;
  }

  async list(all: boolean): Promise<readonly KernelView[]> {
    const reply = await this.#api.json({ method: 'GET', path: `/v1/kernels${query({ all })}`, idempotent: true });
    return (reply as { kernels: readonly KernelView[] }).kernels;
  }

  async inspect(id: string): Promise<KernelView> {
    return (await this.#api.json({ method: 'GET', path: kernelPath(id), idempotent: true })) as KernelView;
  }

  async destroy(id: string, force: boolean): Promise<KernelView> {
    const path = `${kernelPath(id)}${query({ force })}`;
    return (await this.#api.json({ method: 'DELETE', path, idempotent: true })) as KernelView;
  }

  /** `force`: also where a manager decides. */
  async restart(id: string, signal: AbortSignal, force = false): Promise<KernelView> {
    const path = `${kernelPath(id)}/restart${query({ force })}`;
    return (await this.#api.json({ method: 'POST', path, signal })) as KernelView;
  }

  /** The run id makes it safe to send twice. */
  async execute(id: string, run: string, request: ExecuteRequest, signal: AbortSignal): Promise<void> {
    const path = `${kernelPath(id)}/runs`;
    await this.#api.json({ method: 'POST', path, idempotent: true, signal, ...jsonBody({ run, request }) });
  }

  /** The events of a run above `after`, until the stream ends or breaks. Rejects like every request. */
  async runEvents(
    id: string,
    run: string,
    after: number,
    options: CallOptions & Pick<ApiRequest, 'patience'>,
  ): Promise<AsyncIterable<NumberedRunEvent>> {
    const headers = { accept: framesMediaType, 'last-event-id': String(after) };
    const path = `${runPath(id, run)}/events`;
    return await this.#api.runEvents({ method: 'GET', path, headers, idempotent: true, ...options });
  }

  /** Answers a program that waits for input; null = there is no more. */
  async input(id: string, run: string, text: string | null, signal: AbortSignal): Promise<void> {
    await this.#api.json({ method: 'POST', path: `${runPath(id, run)}/input`, signal, ...jsonBody({ text }) });
  }

  async stdin(
    id: string,
    run: string,
    body: Uint8Array,
    eof: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly open: boolean }> {
    const path = `${runPath(id, run)}/stdin${query({ eof })}`;
    const headers = { 'content-type': 'application/octet-stream' };
    return (await this.#api.json({ method: 'POST', path, headers, body, signal })) as { open: boolean };
  }

  /** Without a run: whatever the kernel is running. */
  async interrupt(id: string, run: string | null): Promise<boolean> {
    const path = `${run === null ? kernelPath(id) : runPath(id, run)}/interrupt`;
    return ((await this.#api.json({ method: 'POST', path })) as { interrupted: boolean }).interrupted;
  }

  async cancel(id: string, run: string, signal: string): Promise<void> {
    await this.#api.json({ method: 'POST', path: `${runPath(id, run)}/cancel`, ...jsonBody({ signal }) });
  }

  async startService(id: string, service: string, options: ServiceOptions): Promise<ServiceOutcome> {
    const path = `${kernelPath(id)}/services/${encodeURIComponent(service)}/start`;
    return (await this.#api.json({ method: 'POST', path, ...jsonBody(options) })) as ServiceOutcome;
  }

  async stopService(id: string, service: string): Promise<void> {
    const path = `${kernelPath(id)}/services/${encodeURIComponent(service)}/stop`;
    await this.#api.json({ method: 'POST', path, idempotent: true });
  }

  async complete(id: string, code: string, cursor: number): Promise<readonly string[]> {
    const path = `${kernelPath(id)}/complete`;
    const reply = await this.#api.json({ method: 'POST', path, idempotent: true, ...jsonBody({ code, cursor }) });
    return (reply as { matches: readonly string[] }).matches;
  }

  async upload(
    id: string,
    path: string,
    content: { size: number; mode: number; open: () => AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<{ readonly bytes: number }> {
    if (content.size > maxUploadBytes) {
      // Not sent: the server's refusal could be lost among what it does not read any more.
      const text = `${JSON.stringify(path)} is ${content.size} bytes large, and ${maxUploadBytes} can be uploaded at most`;
      throw new KerneletError('TOO_LARGE', text, { context: { maxUploadBytes } });
    }
    const mode = content.mode.toString(8).padStart(3, '0');
    const reply = await this.#api.json({
      method: 'PUT',
      path: `${kernelPath(id)}/files${query({ path, mode })}`,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(content.size) },
      body: content.open,
      signal,
    });
    return reply as { bytes: number };
  }

  /** Makes a folder with its parents; one that is there stays as it is. */
  async makeFolder(id: string, path: string, signal: AbortSignal): Promise<void> {
    const target = `${kernelPath(id)}/files${query({ path: path.endsWith('/') ? path : `${path}/` })}`;
    const headers = { 'content-type': 'application/octet-stream' };
    await this.#api.json({ method: 'PUT', path: target, headers, body: new Uint8Array(), idempotent: true, signal });
  }

  async download(
    id: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly form: string; readonly size: number | null; readonly content: AsyncIterable<Uint8Array> }> {
    const response = await this.#api.send({
      method: 'GET',
      path: `${kernelPath(id)}/files/content${query({ path })}`,
      signal,
    });
    const size = response.header('content-length');
    return {
      form: response.header('x-kernelet-form') ?? 'file',
      size: size === undefined ? null : Number(size),
      content: this.#contentOf(response, path),
    };
  }

  /** A download's bytes. When they are cut off and the daemon is there, the reason lies in the kernel. */
  async *#contentOf({ body }: ApiResponse, path: string): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      if (!hasCode(error, 'DAEMON_UNREACHABLE') || !(await this.#answers())) throw error;
      const reason = 'it became shorter meanwhile, could not be read on, or its kernel ended or stood still';
      const text = `the download of ${JSON.stringify(path)} was cut off: ${reason}`;
      throw new KerneletError('FILE_ERROR', text, { cause: error });
    }
  }

  /** Whether a daemon answers now. */
  async #answers(): Promise<boolean> {
    const signal = AbortSignal.timeout(answerTimeoutMs);
    return await this.#api.json({ method: 'GET', path: '/v1/status', patience: 'none', signal }).then(
      () => true,
      () => false,
    );
  }

  async listFiles(
    id: string,
    path: string,
    { signal }: CallOptions = {},
  ): Promise<{ path: string; files: readonly FileEntry[] }> {
    const reply = await this.#api.json({
      method: 'GET',
      path: `${kernelPath(id)}/files${query({ path })}`,
      idempotent: true,
      signal,
    });
    return reply as { path: string; files: readonly FileEntry[] };
  }

  async logs(id: string, follow: boolean, signal: AbortSignal): Promise<AsyncIterable<ServerEvent>> {
    return await this.#api.events({ method: 'GET', path: `${kernelPath(id)}/logs${query({ follow })}`, signal });
  }

  async stats(): Promise<readonly KernelStats[]> {
    const reply = await this.#api.json({ method: 'GET', path: '/v1/stats', idempotent: true });
    return (reply as { stats: readonly KernelStats[] }).stats;
  }

  /** The figures again and again, each time as one event's data, until the stream breaks. */
  async followStats(
    intervalMs: number,
    options: CallOptions & Pick<ApiRequest, 'patience'>,
  ): Promise<AsyncIterable<ServerEvent>> {
    const path = `/v1/stats/follow${query({ intervalMs })}`;
    return await this.#api.events({ method: 'GET', path, idempotent: true, ...options });
  }

  /** What happened to kernels behind the event `after`; with `follow` until the stream breaks. */
  async kernelEvents(
    after: number,
    follow: boolean,
    options: CallOptions & Pick<ApiRequest, 'patience'>,
  ): Promise<AsyncIterable<ServerEvent>> {
    const path = `/v1/events${query({ after, follow })}`;
    return await this.#api.events({ method: 'GET', path, idempotent: true, ...options });
  }

  async images(): Promise<readonly ImageView[]> {
    const reply = await this.#api.json({ method: 'GET', path: '/v1/images', idempotent: true });
    return (reply as { images: readonly ImageView[] }).images;
  }

  async inspectImage(reference: string): Promise<ImageView> {
    const path = `/v1/images/inspect${query({ reference })}`;
    return (await this.#api.json({ method: 'GET', path, idempotent: true })) as ImageView;
  }

  async buildImage(
    name: string,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageView> {
    return (await this.#workResult('/v1/images/build', { name }, onProgress, signal)) as ImageView;
  }

  async pullImage(
    reference: string,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageView> {
    return (await this.#workResult('/v1/images/pull', { reference }, onProgress, signal)) as ImageView;
  }

  async removeImage(reference: string, force: boolean): Promise<void> {
    await this.#api.json({ method: 'DELETE', path: `/v1/images${query({ reference, force })}`, idempotent: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api[Symbol.asyncDispose]();
  }

  async #workResult(
    path: string,
    body: unknown,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<unknown> {
    for await (const result of this.#work(path, body, onProgress, signal)) return result;
    throw cutOff();
  }

  /** Long work: reports progress, yields the result. */
  async *#work(
    path: string,
    body: unknown,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): AsyncGenerator<unknown> {
    const { headers, ...rest } = jsonBody(body);
    const accept = { ...headers, accept: 'text/event-stream' };
    const request: ApiRequest = { method: 'POST', path, headers: accept, ...rest, signal };
    for await (const event of await this.#api.events(request)) {
      const data: unknown = JSON.parse(event.data.toString());
      if (event.type === 'progress') onProgress(data as ImageProgress);
      else if (event.type === 'result') yield data;
    }
  }
}

const cutOff = (): KerneletError =>
  new KerneletError('DAEMON_UNREACHABLE', 'the daemon went away before the work was done');
