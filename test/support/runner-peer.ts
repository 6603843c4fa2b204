/** A small agent for tests of the runner: speaks the frames of `src/protocol` over a UNIX socket and believes everything. */
import { connect, type Socket } from 'node:net';
import type { RunId } from '../../src/lib/ids.ts';
import type {
  AgentFrameHeader,
  ConnectionRole,
  RunnerMethod,
  RunnerRequests,
} from '../../src/protocol/agent-frames.ts';
import type { ExecuteRequest } from '../../src/protocol/execute-request.ts';
import { encodeFrame, FrameDecoder } from '../../src/protocol/frame.ts';
import type { NumberedRunEvent } from '../../src/protocol/run-event.ts';
import {
  parseRunnerFrameHeader,
  type RunnerError,
  type RunnerFrameHeader,
  type RunnerStatus,
} from '../../src/protocol/runner-frames.ts';

/** What a run came to. */
export interface RunResult {
  readonly events: readonly NumberedRunEvent[];
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  readonly reason: string;
  /** What happened in order, without the output. */
  readonly kinds: readonly string[];
}

/** An error that the runner replied. */
export class RunnerReplyError extends Error {
  readonly code: string;
  constructor(error: RunnerError) {
    super(error.message);
    this.code = error.code;
  }
}

/** How a peer connects; by itself it controls, and speaks the oldest generation of the protocol. */
export interface PeerOptions {
  readonly role?: ConnectionRole;
  readonly protocol?: number;
  readonly timeoutMs?: number;
}

type Frame = { readonly header: RunnerFrameHeader; readonly body: Uint8Array };

export class RunnerPeer implements Disposable {
  readonly #socket: Socket;
  readonly #listeners = new Set<(frame: Frame) => void>();
  readonly #replies = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  status: RunnerStatus | null = null;
  /** Frames that came, in order, events left out. */
  readonly headers: RunnerFrameHeader[] = [];
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const decoder = new FrameDecoder();
    socket.on('data', (chunk: Buffer) => {
      for (const { header, body } of decoder.push(chunk)) {
        this.#take({ header: parseRunnerFrameHeader(header, body.length), body });
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      for (const { reject } of this.#replies.values()) reject(new Error('the connection was closed'));
      this.#replies.clear();
    });
  }

  /** Connects and says hello; tries again until the socket answers. Resolves after `welcome` or `refused`. */
  static async connect(path: string, secret: string, options: PeerOptions = {}): Promise<RunnerPeer> {
    const until = performance.now() + (options.timeoutMs ?? 15_000);
    for (;;) {
      try {
        const peer = new RunnerPeer(await dial(path));
        const first = peer.next(({ header }) => header.t === 'welcome' || header.t === 'refused');
        const { role = 'control', protocol = 1 } = options;
        peer.send({ t: 'hello', protocol, secret, role });
        await first;
        return peer;
      } catch (error) {
        if (performance.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  send(header: AgentFrameHeader, body?: Uint8Array): boolean {
    let more = true;
    for (const piece of encodeFrame(header, body)) more = this.#socket.write(piece);
    return more;
  }

  /** Sends bytes that may be no frame. */
  sendRaw(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  async drained(): Promise<void> {
    if (this.#socket.writableNeedDrain) await new Promise((resolve) => this.#socket.once('drain', resolve));
  }

  /** The next frame that fits. Rejects when the connection closes first. */
  next(fits: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const onClose = (): void => {
        this.#listeners.delete(listener);
        reject(new Error('the connection was closed'));
      };
      const listener = (frame: Frame): void => {
        if (!fits(frame)) return;
        this.#listeners.delete(listener);
        this.#socket.off('close', onClose);
        resolve(frame);
      };
      this.#listeners.add(listener);
      this.#socket.once('close', onClose);
    });
  }

  /** Calls back on every frame until disposed. */
  listen(listener: (frame: Frame) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  request<M extends RunnerMethod>(
    method: M,
    params: RunnerRequests[M]['params'],
    body?: Uint8Array,
  ): Promise<RunnerRequests[M]['result']> {
    this.#lastId += 1;
    const id = this.#lastId;
    const reply = new Promise<unknown>((resolve, reject) => this.#replies.set(id, { resolve, reject }));
    this.send({ t: 'request', id, method, params } as AgentFrameHeader, body);
    return reply as Promise<RunnerRequests[M]['result']>;
  }

  /** Resolves when the runner says that it is ready; rejects when it failed. */
  async ready(): Promise<RunnerStatus> {
    for (;;) {
      const { status } = this;
      if (status?.phase === 'ready') return status;
      if (status?.phase === 'failed') throw new Error(status.detail);
      await this.next(({ header }) => header.t === 'status');
    }
  }

  /** Resolves when the interpreter is in this state. */
  async interpreter(state: string): Promise<void> {
    while (this.status?.interpreter !== state) await this.next(({ header }) => header.t === 'status');
  }

  /** Runs something to its end, acknowledging everything, and gathers what it said. */
  async run(run: string, request: ExecuteRequest, onEvent?: (event: NumberedRunEvent) => void): Promise<RunResult> {
    await this.request('execute', { run: run as RunId, request });
    return this.follow(run, 0, onEvent);
  }

  /** Attaches to a run and gathers what it says up to its end. */
  follow(run: string, after: number, onEvent?: (event: NumberedRunEvent) => void): Promise<RunResult> {
    const id = run as RunId;
    const events: NumberedRunEvent[] = [];
    return new Promise((resolve, reject) => {
      const listening = this.listen(({ header, body }) => {
        if (header.t !== 'event' || header.run !== id) return;
        const event: NumberedRunEvent = { n: header.n, event: header.event, body };
        events.push(event);
        this.send({ t: 'ack', run: id, n: header.n });
        onEvent?.(event);
        if (header.event.kind !== 'finished') return;
        listening[Symbol.dispose]();
        this.#socket.off('close', onClose);
        resolve(gather(events, header.event.exitCode, header.event.reason));
      });
      const onClose = (): void => reject(new Error('the connection was closed'));
      this.#socket.once('close', onClose);
      this.send({ t: 'attach', run: id, after });
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(frame: Frame): void {
    const { header } = frame;
    if (header.t !== 'event' && header.t !== 'data') this.headers.push(header);
    if (header.t === 'welcome' || header.t === 'status') this.status = header.status;
    if (header.t === 'reply') {
      const waiting = this.#replies.get(header.id);
      this.#replies.delete(header.id);
      if (header.ok) waiting?.resolve(header.result);
      else waiting?.reject(new RunnerReplyError(header.error));
    }
    for (const listener of [...this.#listeners]) listener(frame);
  }
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** The texts are made when they are asked for: output may be longer than a string can be. */
function gather(events: readonly NumberedRunEvent[], exitCode: number, reason: string): RunResult {
  const text = (kind: string): string =>
    Buffer.concat(events.filter(({ event }) => event.kind === kind).map(({ body }) => body)).toString();
  return {
    events,
    get stdout() {
      return text('stdout');
    },
    get stderr() {
      return text('stderr');
    },
    exitCode,
    reason,
    kinds: events.map(({ event }) => event.kind).filter((kind) => kind !== 'stdout' && kind !== 'stderr'),
  };
}
