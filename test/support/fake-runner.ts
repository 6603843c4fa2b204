/**
 * A runner for tests of the agent's side: speaks the protocol on a UNIX socket, runs nothing, and misbehaves on demand.
 * Its runs are scripts of events; like the real one it keeps what is not acknowledged and delivers to who is attached.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { newKernelId, type RunId } from '../../src/lib/ids.ts';
import { listen } from '../../src/lib/listen.ts';
import {
  type AgentFrameHeader,
  type ConnectionRole,
  parseAgentFrameHeader,
  protocolGeneration,
} from '../../src/protocol/agent-frames.ts';
import { encodeFrame, FrameDecoder } from '../../src/protocol/frame.ts';
import { undescribed } from '../../src/protocol/run-description.ts';
import type { NumberedRunEvent, RunEvent, RunSummary } from '../../src/protocol/run-event.ts';
import type { RunnerError, RunnerFrameHeader, RunnerStatus } from '../../src/protocol/runner-frames.ts';

type Request = Extract<AgentFrameHeader, { t: 'request' }>;
/** Answers a request: a result, an error, or `null` for silence. */
export type FakeAnswer = { readonly result: unknown } | { readonly error: RunnerError } | null;
/** A frame as it is, well-formed or not. */
export type FakeFrame = readonly [header: object, body?: Uint8Array];

interface FakeRun {
  readonly events: NumberedRunEvent[];
  last: number;
  acknowledged: number;
  summary: RunSummary;
}

interface FakeConnection {
  readonly socket: Socket;
  role: ConnectionRole | null;
  /** Next event to send, by run. */
  readonly cursors: Map<RunId, number>;
  readonly pumping: Set<RunId>;
  readonly upload: Uint8Array[];
  uploadId: number | null;
}

/** The state of a runner that is ready. */
export const readyStatus: RunnerStatus = {
  phase: 'ready',
  interpreter: 'none',
  detail: '',
  startedAt: 1,
  logBytesDropped: 0,
  models: [],
};

export class FakeRunner implements AsyncDisposable {
  readonly secret: string = 'secret';
  readonly runs = new Map<RunId, FakeRun>();
  readonly connections = new Set<FakeConnection>();
  /** Heads that arrived, in order. */
  readonly headers: AgentFrameHeader[] = [];
  readonly files = new Map<string, Uint8Array>();
  /** What an upload of so many bytes is answered with; null = nothing. */
  uploadResult: (bytes: number) => object | null = (bytes) => ({ bytes });
  /** What is sent for a download, whatever it is. */
  readonly downloads = new Map<string, readonly FakeFrame[]>();
  status: RunnerStatus = readyStatus;
  protocol = protocolGeneration;
  /** `mute`: accepts and never greets. */
  greeting: 'welcome' | 'mute' | 'refuse-protocol' = 'welcome';
  losesAcknowledgements = false;
  /** Acknowledged events stay, as the real runner keeps some. */
  keepsAcknowledged = false;
  answer: (request: Request, body: Uint8Array) => FakeAnswer | undefined = () => undefined;
  readonly #kernelId = newKernelId();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  listen(path: string): Promise<void> {
    return listen(this.#server, { path });
  }

  /** Number of the newest event of a run that the agent has acknowledged. */
  acknowledged(run: RunId): number {
    return this.runs.get(run)?.acknowledged ?? 0;
  }

  /** Adds a run that was started earlier. */
  addRun(run: RunId): FakeRun {
    const state = { run, phase: 'running', last: 0, oldest: 1, exitCode: null, reason: null } as const;
    const summary: RunSummary = { ...undescribed, ...state };
    const added: FakeRun = { events: [], last: 0, acknowledged: 0, summary };
    this.runs.set(run, added);
    return added;
  }

  emit(run: RunId, event: RunEvent, body: Uint8Array = new Uint8Array(0)): void {
    const known = this.runs.get(run) ?? this.addRun(run);
    known.last += 1;
    known.events.push({ n: known.last, event, body });
    const end = event.kind === 'finished' ? { exitCode: event.exitCode, reason: event.reason, phase: event.kind } : {};
    known.summary = { ...known.summary, ...end, last: known.last };
    for (const connection of this.connections) this.#pump(connection, run);
    if (event.kind === 'finished') this.broadcast({ t: 'run', summary: known.summary });
  }

  /** Sends a frame to every control connection. */
  broadcast(header: RunnerFrameHeader | object, body?: Uint8Array): void {
    for (const connection of this.connections) if (connection.role === 'control') send(connection, header, body);
  }

  /** Sends a frame on one connection. */
  sendTo(socket: Socket, header: object, body?: Uint8Array): void {
    for (const piece of encodeFrame(header, body)) socket.write(piece);
  }

  /** Writes bytes that need not be frames. */
  writeRaw(bytes: Uint8Array): void {
    for (const { socket } of this.connections) socket.write(bytes);
  }

  disconnect(): void {
    for (const { socket } of this.connections) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    const connection: FakeConnection = {
      ...{ socket, role: null, cursors: new Map(), pumping: new Set(), upload: [], uploadId: null },
    };
    const decoder = new FrameDecoder();
    this.connections.add(connection);
    socket.on('error', () => {});
    socket.on('close', () => this.connections.delete(connection));
    socket.on('data', (chunk: Uint8Array) => {
      for (const frame of decoder.push(chunk)) {
        const header = parseAgentFrameHeader(frame.header);
        this.headers.push(header);
        this.#take(connection, header, frame.body);
      }
    });
  }

  #take(connection: FakeConnection, header: AgentFrameHeader, body: Uint8Array): void {
    if (header.t === 'hello') this.#greet(connection, header);
    else if (header.t === 'attach') {
      connection.cursors.set(header.run, header.after + 1);
      this.#pump(connection, header.run);
    } else if (header.t === 'detach') connection.cursors.delete(header.run);
    else if (header.t === 'ack' && !this.losesAcknowledgements) this.#acknowledge(header.run, header.n);
    else if (header.t === 'request') this.#request(connection, header, body);
    else if (header.t === 'data') connection.upload.push(body);
    else if (header.t === 'end' && connection.uploadId !== null) {
      const bytes = connection.upload.reduce((sum, piece) => sum + piece.length, 0);
      const result = this.uploadResult(bytes);
      if (result) send(connection, { t: 'reply', id: connection.uploadId, ok: true, result });
    }
  }

  #greet(connection: FakeConnection, hello: Extract<AgentFrameHeader, { t: 'hello' }>): void {
    if (this.greeting === 'mute') return;
    if (hello.secret !== this.secret || this.greeting === 'refuse-protocol') {
      const reason = hello.secret === this.secret ? 'protocol' : 'secret';
      send(connection, { t: 'refused', reason, text: 'no' });
      connection.socket.end();
      return;
    }
    connection.role = hello.role;
    const runs = [...this.runs.values()].map(({ summary }) => summary);
    const { status, protocol } = this;
    send(connection, { t: 'welcome', protocol, kernelId: this.#kernelId, generation: 1, status, runs });
  }

  #acknowledge(run: RunId, n: number): void {
    const known = this.runs.get(run);
    if (!known || n <= known.acknowledged) return;
    known.acknowledged = n;
    if (this.keepsAcknowledged) return;
    while (known.events[0] && known.events[0].n <= n) known.events.shift();
    known.summary = { ...known.summary, oldest: n + 1 };
    if (known.summary.phase === 'finished' && n >= known.last) this.runs.delete(run);
  }

  #pump(connection: FakeConnection, run: RunId): void {
    if (connection.pumping.has(run)) return;
    const known = this.runs.get(run);
    for (let cursor = connection.cursors.get(run); cursor !== undefined; cursor = connection.cursors.get(run)) {
      const event = known?.events.find(({ n }) => n >= cursor);
      if (!event || connection.socket.destroyed) return;
      connection.cursors.set(run, event.n + 1);
      if (send(connection, { t: 'event', run, n: event.n, event: event.event }, event.body)) continue;
      connection.pumping.add(run);
      connection.socket.once('drain', () => {
        connection.pumping.delete(run);
        this.#pump(connection, run);
      });
      return;
    }
  }

  #request(connection: FakeConnection, request: Request, body: Uint8Array): void {
    const answer = this.answer(request, body);
    if (answer === null) return;
    const { id } = request;
    if (answer)
      send(
        connection,
        'error' in answer ? { t: 'reply', id, ok: false, ...answer } : { t: 'reply', id, ok: true, ...answer },
      );
    else this.#serve(connection, request);
  }

  #serve(connection: FakeConnection, request: Request): void {
    const reply = (result: unknown): void => void send(connection, { t: 'reply', id: request.id, ok: true, result });
    if (request.method === 'ping') reply(this.status);
    else if (request.method === 'execute') {
      const existing = this.runs.has(request.params.run);
      if (!existing) this.addRun(request.params.run);
      reply({ existing });
    } else if (request.method === 'upload' || request.method === 'unpack') connection.uploadId = request.id;
    else if (request.method === 'download' || request.method === 'watch-folder')
      void this.#download(connection, request.id, request.params.path);
    else if (request.method === 'stdin') reply({ open: true });
    else if (request.method === 'complete') reply({ matches: [request.params.code] });
    else reply(null);
  }

  async #download(connection: FakeConnection, id: number, path: string): Promise<void> {
    const script = this.downloads.get(path);
    if (script) {
      for (const [header, body] of script) send(connection, header, body);
      return;
    }
    const content = this.files.get(path);
    if (!content) {
      send(connection, { t: 'reply', id, ok: false, error: { code: 'FILE_NOT_FOUND', message: `no file ${path}` } });
      return;
    }
    send(connection, {
      t: 'reply',
      id,
      ok: true,
      result: { form: 'file', size: content.length, name: path, mode: 0o640 },
    });
    for (let offset = 0; offset < content.length; offset += 65_536) {
      if (send(connection, { t: 'data' }, content.subarray(offset, offset + 65_536))) continue;
      if (connection.socket.destroyed) return;
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          connection.socket.off('drain', settle).off('close', settle);
          resolve();
        };
        connection.socket.on('drain', settle).on('close', settle);
      });
    }
    send(connection, { t: 'end' });
  }
}

/** Returns false when the socket is full. */
function send(connection: FakeConnection, header: object, body?: Uint8Array): boolean {
  let room = true;
  if (!connection.socket.destroyed)
    for (const piece of encodeFrame(header, body)) room = connection.socket.write(piece);
  return room;
}
