/** The agent's control connection: requests and their replies, and the events of the runs that it is attached to. */
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { AgentFrameHeader, RunnerRequests } from '../protocol/agent-frames.ts';
import { eventFor } from '../protocol/generation-3.ts';
import { endFor, summaryFor } from '../protocol/generation-4.ts';
import { mainContext } from '../protocol/kernel-contexts.ts';
import type { FileRequest } from '../protocol/kernel-files.ts';
import { type RunnerError, type RunnerErrorCode, runnerErrorCodes } from '../protocol/runner-frames.ts';
import type { Contexts } from './contexts.ts';
import type { FrameSocket } from './frame-socket.ts';
import type { Run } from './run.ts';
import type { Runs } from './runs.ts';
import type { Services } from './services/services.ts';

/** Answers one request; the body is that of its frame. */
export type RequestHandler = (
  request: Extract<AgentFrameHeader, { t: 'request' }>,
  body: Uint8Array,
) => Promise<unknown>;

const maxAttachments = 512;
/** Room for the rest of a reply's header. */
const maxResult = 500 * 1024;

/** A greeted connection, and what is served on it. */
export interface ControlConnectionOptions {
  readonly socket: FrameSocket;
  readonly protocol: number;
  readonly runs: Runs;
  readonly handle: RequestHandler;
}

/** Serves requests, and sends the events of the runs that the agent is attached to. */
export class ControlConnection {
  readonly #socket: FrameSocket;
  /** The generation that both sides speak. */
  readonly #protocol: number;
  readonly #runs: Runs;
  readonly #handle: RequestHandler;
  /** The number of the event that was sent last, by run and by reader; 0 is the reader of a run that has one. */
  readonly #sent = new Map<RunId, Map<number, number>>();

  constructor(options: ControlConnectionOptions) {
    const { socket } = options;
    this.#socket = socket;
    this.#protocol = options.protocol;
    this.#runs = options.runs;
    this.#handle = options.handle;
    socket.onFrame((header, body) => this.#receive(header, body));
    socket.onDrain(() => this.#pumpAll());
  }

  get socket(): FrameSocket {
    return this.#socket;
  }

  /** Sends what is new of a run to its readers, as far as the peer keeps up. */
  pump(run: Run): void {
    for (const reader of this.#sent.get(run.id)?.keys() ?? []) this.#pumpTo(run, reader);
  }

  /** Tells where a run stands. */
  tell(run: Run): void {
    this.#socket.send({ t: 'run', summary: summaryFor(this.#protocol, run.summary()) });
  }

  #pumpTo(run: Run, reader: number): void {
    const readers = this.#sent.get(run.id);
    let sent = readers?.get(reader);
    while (sent !== undefined && !this.#socket.busy) {
      const next = run.replay.next(sent);
      if (!next) break;
      const { n, event, body } = eventFor(this.#protocol, endFor(this.#protocol, next), sent);
      this.#socket.send({ t: 'event', run: run.id, n, event, ...(reader === 0 ? {} : { reader }) }, body);
      sent = n;
      readers?.set(reader, sent);
    }
  }

  #attachments(): number {
    let count = 0;
    for (const readers of this.#sent.values()) count += readers.size;
    return count;
  }

  #pumpAll(): void {
    for (const id of this.#sent.keys()) {
      const run = this.#find(id);
      if (run) this.pump(run);
      else this.#sent.delete(id);
    }
  }

  #receive(header: AgentFrameHeader, body: Uint8Array): void {
    switch (header.t) {
      case 'ack':
        this.#runs.acknowledge(header.run, header.n);
        return;
      case 'attach': {
        const run = this.#find(header.run);
        if (!run) return;
        if (this.#attachments() >= maxAttachments) {
          this.#socket.close('too many attachments');
          return;
        }
        const { reader = 0 } = header;
        this.#sent.set(run.id, (this.#sent.get(run.id) ?? new Map()).set(reader, header.after));
        this.#pumpTo(run, reader);
        return;
      }
      case 'detach': {
        const readers = this.#sent.get(header.run);
        readers?.delete(header.reader ?? 0);
        if (readers?.size === 0) this.#sent.delete(header.run);
        return;
      }
      case 'request':
        void this.#answer(header, body);
        return;
      case 'hello':
      case 'data':
      case 'end':
        this.#socket.close(`unexpected frame: ${header.t}`);
    }
  }

  async #answer(request: Extract<AgentFrameHeader, { t: 'request' }>, body: Uint8Array): Promise<void> {
    try {
      const result = await this.#handle(request, body);
      if (JSON.stringify(result ?? null).length > maxResult) {
        throw new KerneletError('FILE_ERROR', 'the answer is too long for one reply; ask for less at once');
      }
      this.#socket.send({ t: 'reply', id: request.id, ok: true, result });
    } catch (error) {
      this.#socket.send({ t: 'reply', id: request.id, ok: false, error: toRunnerError(error) });
    }
  }

  #find(id: RunId): Run | null {
    try {
      return this.#runs.get(id);
    } catch {
      return null;
    }
  }
}

const isRunnerErrorCode = (code: string): code is RunnerErrorCode => runnerErrorCodes.some((known) => known === code);

/** Whatever was thrown, as a reply says it. */
export function toRunnerError(thrown: unknown): RunnerError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof KerneletError && isRunnerErrorCode(thrown.code) ? thrown.code : 'INTERNAL';
  return { code, message };
}

/** Bytes of input that may wait for a program. */
const maxWaitingInput = 4 * 1024 * 1024;

/** The parts of the runner that requests act on. */
export interface RequestParts {
  readonly runs: Runs;
  status(): unknown;
  /** Throws NOT_SUPPORTED while there are none. */
  contexts(): Contexts;
  /** null: this kernel has none. */
  services(): Services | null;
  listeningPorts(): Promise<unknown>;
  workOnFiles(request: FileRequest): Promise<unknown>;
  /** Begins the end; the reply is sent before it. */
  shutDown(graceMs: number): void;
}

/** The handler of all requests. */
export function requestHandler(parts: RequestParts): RequestHandler {
  const { runs } = parts;
  const waitingInput = new Map<RunId, number>();

  const stdin = async (id: RunId, body: Uint8Array, eof: boolean): Promise<{ open: boolean }> => {
    const run = runs.get(id);
    const waiting = (waitingInput.get(id) ?? 0) + body.length;
    if (waiting > maxWaitingInput) {
      throw new KerneletError('OVERLOADED', `run ${id} has ${maxWaitingInput} bytes of input waiting already`);
    }
    waitingInput.set(id, waiting);
    try {
      await run.begun;
      return { open: (await run.control?.stdin(body, eof)) ?? false };
    } finally {
      const left = (waitingInput.get(id) ?? 0) - body.length;
      if (left > 0) waitingInput.set(id, left);
      else waitingInput.delete(id);
    }
  };

  const complete = async ({ code, cursor, context }: RunnerRequests['complete']['params']) => {
    const { interpreter } = parts.contexts().get(context ?? mainContext);
    return (await interpreter?.complete(code, cursor)) ?? [];
  };

  return async (request, body) => {
    switch (request.method) {
      case 'execute':
        return runs.execute(request.params.run, request.params.request);
      case 'input':
        if (!runs.get(request.params.run).control?.input(request.params.text)) {
          throw new KerneletError('INVALID_ARGUMENT', `run ${request.params.run} does not wait for input`);
        }
        return null;
      case 'stdin':
        return stdin(request.params.run, body, request.params.eof);
      case 'interrupt': {
        const { run: id, context = mainContext } = request.params;
        const run = id === null ? runs.runningIn(context) : runs.get(id);
        return { interrupted: run?.control?.interrupt() ?? false };
      }
      case 'cancel':
        runs.cancel(request.params.run, request.params.signal);
        return null;
      case 'signal':
        return { delivered: runs.signal(request.params.run, request.params.signal) };
      case 'resize': {
        const { run: id, ...size } = request.params;
        const run = runs.get(id);
        await run.begun;
        return { resized: run.control?.resize(size) ?? false };
      }
      case 'forget':
        runs.forget(request.params.run);
        return null;
      case 'complete':
        return { matches: await complete(request.params) };
      case 'contexts':
        return { contexts: parts.contexts().list() };
      case 'create-context':
        return await parts.contexts().create(request.params);
      case 'remove-context':
        await parts.contexts().remove(request.params.name);
        return null;
      case 'restart-context':
        await parts.contexts().restart(request.params.name);
        return null;
      case 'listening-ports':
        return parts.listeningPorts();
      case 'list-files':
      case 'stat-file':
      case 'make-folder':
      case 'move-file':
      case 'remove-file':
        return parts.workOnFiles(request);
      case 'start-service': {
        const { name, options } = request.params;
        const none = { status: 'failed' as const, error: `unsupported service: ${name}` };
        return (await parts.services()?.start(name, options)) ?? none;
      }
      case 'stop-service':
        await parts.services()?.stop(request.params.name);
        return null;
      case 'apps':
        return { apps: parts.services()?.apps() ?? [] };
      case 'ping':
        return parts.status();
      case 'shutdown':
        parts.shutDown(request.params.graceMs);
        return null;
      case 'upload':
      case 'download':
      case 'connect':
      case 'unpack':
      case 'watch-folder':
        throw new KerneletError('INVALID_ARGUMENT', `${request.method} needs a connection of its own`);
    }
  };
}
