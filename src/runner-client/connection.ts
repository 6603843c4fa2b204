/**
 * One connection to a runner: the greeting, then frames both ways. It knows nothing of requests or runs, and believes
 * nothing: a malformed frame closes it with PROTOCOL_ERROR. `connectWithRetry` makes one as soon as a runner listens.
 */
import { addAbortListener } from 'node:events';
import { connect, type Socket } from 'node:net';
import { collectEvery } from '../lib/buffer-garbage.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { drained } from '../lib/drained.ts';
import { hasCode, type KerneletError, toKerneletError } from '../lib/errors.ts';
import { Backoff, type BackoffOptions, retry } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import { openSocketAddress } from '../lib/unix-address.ts';
import { type AgentFrameHeader, type ConnectionRole, protocolGeneration } from '../protocol/agent-frames.ts';
import { encodeFrame, FrameDecoder, FrameError } from '../protocol/frame.ts';
import { parseRunnerFrameHeader, type RunnerFrameHeader } from '../protocol/runner-frames.ts';
import type { RunnerAddress } from './runner-client.ts';
import { connectionLost, protocolError, RunnerRefusal } from './runner-errors.ts';

/** The frame by which a runner accepts a connection: its state, and its runs. */
export type Welcome = Extract<RunnerFrameHeader, { t: 'welcome' }>;

/** Takes the frames that follow the greeting. What it throws closes the connection. `headerBytes`: of the header on the wire. */
export type FrameHandler = (header: RunnerFrameHeader, body: Uint8Array, headerBytes: number) => void;

/** How to open a connection. */
export interface ConnectionOptions {
  readonly address: RunnerAddress;
  readonly role: ConnectionRole;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** From connecting to the end of the greeting, in milliseconds. */
  readonly greetingTimeoutMs: number;
}

/** Bytes waiting to be written above which a peer counts as one that does not read. */
const congestedBytes = 1024 * 1024;

/** What has come from all runners; rarer than in a runner, since a collection holds up everybody. */
const outputPassed = collectEvery(32 * 1024 * 1024);

/** An open, greeted connection. Disposing it closes it. */
export class Connection implements Disposable {
  /** Resolves once, when the connection is closed, with the reason. */
  readonly closed: Promise<KerneletError>;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  readonly #settleClosed: (error: KerneletError) => void;
  #closeReason: KerneletError | null = null;
  /** Frames that came with the greeting, until somebody takes them; at most what one chunk held. */
  readonly #early: Parameters<FrameHandler>[] = [];
  #handler: FrameHandler = (...frame) => {
    this.#socket.pause();
    this.#early.push(frame);
    this.#onFirst?.();
  };
  #onFirst: (() => void) | null = null;

  /**
   * Connects and greets. Rejects with CONNECTION_LOST when nobody listens or answers (worth another try),
   * a RunnerRefusal, PROTOCOL_ERROR, or the signal's reason.
   */
  static async open(options: ConnectionOptions): Promise<{ connection: Connection; welcome: Welcome }> {
    const { clock, signal, greetingTimeoutMs: timeoutMs } = options;
    let connection: Connection | undefined;
    try {
      const what = "the greeting of the kernel's runner";
      return await withDeadline({ what, timeoutMs, signal, clock }, async (deadline) => {
        const socket = await connectTo(options.address.socketPath, deadline.signal);
        // It may be too late by now: its address was let go of meanwhile.
        if (deadline.signal.aborted) socket.destroy();
        deadline.check();
        connection = new Connection(socket);
        const welcome = await connection.#greet(options);
        return { connection, welcome };
      });
    } catch (thrown) {
      const error = toKerneletError(thrown);
      connection?.close(error);
      if (signal.aborted) throw signal.reason;
      throw error.code === 'DEADLINE_EXCEEDED' ? connectionLost(`was not greeted in ${timeoutMs} ms`, error) : error;
    }
  }

  private constructor(socket: Socket) {
    const closed = Promise.withResolvers<KerneletError>();
    this.closed = closed.promise;
    this.#settleClosed = closed.resolve;
    this.#socket = socket;
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    socket.on('error', (cause) => this.close(connectionLost(`broke: ${cause.message}`, cause)));
    socket.on('close', () => this.close(connectionLost('was closed by the runner')));
    if (socket.destroyed) this.close(connectionLost('broke at once', socket.errored));
  }

  /** Whether it has been closed. */
  get isClosed(): boolean {
    return this.#closeReason !== null;
  }

  /** Whether so much waits to be written that the caller should wait for `drained`. */
  get isCongested(): boolean {
    return this.#socket.writableLength > congestedBytes;
  }

  /** Hands the frames that follow the greeting to `handler`; until then nothing more is read. */
  deliverTo(handler: FrameHandler): void {
    this.#handler = handler;
    try {
      for (const frame of this.#early.splice(0)) handler(...frame);
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#socket.resume();
  }

  /** Sends a frame. After the close it does nothing. Throws FrameError when the frame is too long. */
  send(header: AgentFrameHeader, body?: Uint8Array): void {
    const pieces = encodeFrame(header, body);
    if (this.isClosed) return;
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** Resolves when what was sent has left this process, or the connection is closed. */
  drained(): Promise<void> {
    return this.isClosed ? Promise.resolve() : drained(this.#socket);
  }

  /** Stops reading: the runner's socket fills and its writes wait. */
  pause(): void {
    this.#socket.pause();
  }

  /** Goes on reading after a `pause`. */
  resume(): void {
    this.#socket.resume();
  }

  /** Closes it; the first reason counts. */
  close(reason: KerneletError): void {
    if (this.#closeReason !== null) return;
    this.#closeReason = reason;
    this.#socket.destroy();
    this.#settleClosed(reason);
  }

  [Symbol.dispose](): void {
    this.close(connectionLost('was closed by the agent'));
  }

  async #greet({ address, role }: ConnectionOptions): Promise<Welcome> {
    const answered = Promise.withResolvers<null>();
    this.#onFirst = () => answered.resolve(null);
    this.send({ t: 'hello', protocol: protocolGeneration, secret: address.secret, role });
    const lost = await Promise.race([answered.promise, this.closed]);
    const [header] = this.#early.shift() ?? [];
    if (!header) throw lost ?? connectionLost('was closed by the runner');
    if (header.t === 'refused') throw new RunnerRefusal(header.reason, header.text);
    if (header.t !== 'welcome' || header.protocol > protocolGeneration) {
      throw protocolError(new FrameError(`its first frame is ${header.t}`));
    }
    return header;
  }

  #receive(chunk: Uint8Array): void {
    outputPassed(chunk.length);
    try {
      // Bodies shall be plain arrays: those of Node's class behave differently when they are sliced.
      const plain = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (const frame of this.#decoder.push(plain)) {
        if (this.isClosed) return;
        const { header, body, headerBytes } = frame;
        this.#handler(parseRunnerFrameHeader(header, body.length), body, headerBytes);
      }
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    this.close(thrown instanceof FrameError ? protocolError(thrown) : toKerneletError(thrown));
  }
}

/** Pauses for a runner that starts: for 2 s so short that its start is not delayed, then cheap where none ever listens. */
export const startPauses = { initialMs: 5, steadyPauses: 400, factor: 1.5, maximumMs: 100, jitter: 0 } as const;

/**
 * Opens a connection, trying again while nobody listens or answers. Rejects with a RunnerRefusal, PROTOCOL_ERROR, or
 * the signal's reason.
 */
export async function connectWithRetry(
  options: ConnectionOptions & { readonly pauses: BackoffOptions },
): Promise<{ connection: Connection; welcome: Welcome }> {
  const { clock, signal, pauses } = options;
  const isRetryable = (error: unknown): boolean => hasCode(error, 'CONNECTION_LOST');
  return await retry({ backoff: new Backoff({ ...pauses, clock }), signal, isRetryable }, () =>
    Connection.open(options),
  );
}

/**
 * Connects to the socket at a path. Root in the container may put anything else there: that, and nothing there, is a
 * runner that does not listen.
 */
async function connectTo(path: string, signal: AbortSignal): Promise<Socket> {
  try {
    await using unix = await openSocketAddress(path);
    return await connectSocket(unix.address, signal);
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT', 'ENOTDIR') || hasCode(cause, 'INVALID_ARGUMENT')) {
      throw connectionLost('could not be made: its socket is not there', cause);
    }
    throw cause;
  }
}

/** Connects, or rejects with CONNECTION_LOST or the signal's reason. */
function connectSocket(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ path });
    const listener = addAbortListener(signal, () => {
      socket.destroy();
      reject(signal.reason);
    });
    socket.once('error', (cause) => {
      listener[Symbol.dispose]();
      reject(connectionLost(`could not be made: ${cause.message}`, cause));
    });
    socket.once('connect', () => {
      listener[Symbol.dispose]();
      // The listener for errors stays: a runner may end before anybody else listens, which would end this process.
      resolve(socket);
    });
  });
}
