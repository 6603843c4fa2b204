/** How requests reach an agent: through a daemon's socket or inside the process. */
import { addAbortListener } from 'node:events';
import { access } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, sleep, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { startingText } from '../lib/starting-note.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import { openUnixAddress, type UnixAddress } from '../lib/unix-address.ts';
import type { LocalAgent } from './host.ts';

/** How long a request is tried again while nobody accepts connections. */
export type RetryPolicy =
  /** A refused connection is the answer. */
  | 'never'
  /** While the socket's file is there, a daemon that restarts or recovers; and as long as one takes to start. */
  | 'while-socket'
  /** In any case: a daemon that is known to have been there. */
  | 'always';

/** A request of the API. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The path with its query string. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes, or a source of bytes that is opened when the request is really sent. */
  readonly body?: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** Whether it may be sent again when the connection broke before an answer came. */
  readonly idempotent?: boolean;
  /** `while-socket` when absent. */
  readonly retry?: RetryPolicy;
  readonly signal?: AbortSignal | undefined;
}

/** A response whose body is still to be read. */
export interface ApiResponse {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A way to an agent. */
export interface Transport extends AsyncDisposable {
  /**
   * Sends and resolves with the head of the response. Rejects with DAEMON_UNREACHABLE when nobody answers or the
   * connection breaks, and with the signal's reason.
   */
  send(request: ApiRequest): Promise<ApiResponse>;
  /**
   * Asks for a connection to go on as bytes. Resolves with the connection, or with the response that refuses it. Rejects as `send`,
   * and with NOT_SUPPORTED where the agent is no daemon. The signal counts until then.
   */
  connect(path: string, signal: AbortSignal): Promise<Duplex | ApiResponse>;
}

/** How long a request waits for a daemon that restarts. */
const retryTimeoutMs = 10_000;
/** How long it waits for a socket that is not there: the daemon may have been started by the line before. */
const startMs = 2_000;
/** How long it waits for a daemon that says that it is starting: it may have an image to unpack. */
const startingTimeoutMs = 120_000;
const firstPauseMs = 10;
const maxPauseMs = 200;

/** Nobody accepts connections: the request was not sent. */
const refusals = ['ECONNREFUSED', 'ENOENT'];
/** The connection broke: the request may have been carried out. */
const breaks = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** How a daemon is waited for. */
export interface TransportOptions {
  readonly startMs?: number;
  readonly clock?: Clock;
  /** Told what a daemon is about that is starting, each time that it is tried again. */
  readonly whileStarting?: (text: string) => void;
}

/** Speaks to a daemon through its socket. */
export class UnixTransport implements Transport {
  readonly socketPath: string;
  readonly #startMs: number;
  readonly #whileStarting: TransportOptions['whileStarting'];
  readonly #clock: Clock;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  #address: UnixAddress | undefined;

  constructor(socketPath: string, options: TransportOptions = {}) {
    this.socketPath = socketPath;
    this.#startMs = options.startMs ?? startMs;
    this.#whileStarting = options.whileStarting;
    this.#clock = options.clock ?? systemClock;
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    const begunAt = this.#clock.monotonic();
    let pause = firstPauseMs;
    for (let broken = 0; ; ) {
      request.signal?.throwIfAborted();
      try {
        return await this.#once(request);
      } catch (error) {
        if (request.signal?.aborted) throw request.signal.reason;
        const refused = isSystemError(error, ...refusals);
        const again = refused
          ? await this.#retries(request.retry ?? 'while-socket', this.#clock.monotonic() - begunAt)
          : isSystemError(error, ...breaks) && request.idempotent === true && broken < 2;
        if (!again) throw this.#unreachable(error);
        if (!refused) broken += 1;
        await sleep(this.#clock, pause, request.signal);
        pause = Math.min(pause * 2, maxPauseMs);
      }
    }
  }

  async #retries(policy: RetryPolicy, waitedMs: number): Promise<boolean> {
    if (policy === 'never') return false;
    const starting = waitedMs < startingTimeoutMs ? await startingText(this.socketPath) : null;
    if (starting !== null) {
      this.#whileStarting?.(starting);
      return true;
    }
    if (waitedMs >= retryTimeoutMs) return false;
    if (policy === 'always' || waitedMs < this.#startMs) return true;
    return await access(this.socketPath).then(
      () => true,
      () => false,
    );
  }

  async #once(request: ApiRequest): Promise<ApiResponse> {
    this.#address ??= await openUnixAddress(this.socketPath);
    const { body } = request;
    const options: RequestOptions = {
      socketPath: this.#address.address,
      agent: this.#agent,
      method: request.method,
      path: request.path,
      headers: { host: 'kernelet', ...request.headers, ...(body instanceof Uint8Array ? length(body) : {}) },
      ...(request.signal ? { signal: request.signal } : {}),
    };
    return await new Promise<ApiResponse>((resolve, reject) => {
      const sent = httpRequest(options, (response) => resolve(this.#asResponse(response, request.signal)));
      sent.on('error', reject);
      if (typeof body !== 'function') sent.end(body);
      // The source is opened once somebody is there to take it.
      else
        sent.once('socket', (socket) => {
          const start = (): void => void pipeline(body(), sent).catch((error) => reject(error));
          if (socket.connecting) socket.once('connect', start);
          else start();
        });
    });
  }

  async connect(path: string, signal: AbortSignal): Promise<Duplex | ApiResponse> {
    this.#address ??= await openUnixAddress(this.socketPath);
    const { address } = this.#address;
    signal.throwIfAborted();
    return await new Promise<Duplex | ApiResponse>((resolve, reject) => {
      const sent = httpRequest({
        ...{ method: 'GET', path, headers: { host: 'kernelet', connection: 'Upgrade', upgrade: 'tcp' } },
        // Either side may end its direction first.
        createConnection: () => connect({ path: address, allowHalfOpen: true }),
      });
      const listener = addAbortListener(signal, () => sent.destroy());
      const settled = (): void => listener[Symbol.dispose]();
      sent.on('error', (error) => {
        settled();
        reject(signal.aborted ? signal.reason : this.#unreachable(error));
      });
      sent.on('response', (response) => {
        settled();
        resolve(this.#asResponse(response, undefined));
      });
      sent.on('upgrade', (_, socket, head) => {
        settled();
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      sent.end();
    });
  }

  #asResponse(response: IncomingMessage, signal: AbortSignal | undefined): ApiResponse {
    return {
      status: response.statusCode ?? 0,
      header(name) {
        const value = response.headers[name];
        return typeof value === 'string' ? value : undefined;
      },
      body: this.#bodyOf(response, signal),
    };
  }

  async *#bodyOf(response: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    try {
      yield* response;
    } catch (error) {
      throw signal?.aborted ? signal.reason : this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): unknown {
    const code = systemErrorCode(error);
    if (code === undefined) return error;
    const context = { socket: this.socketPath };
    if (code === 'EACCES' || code === 'EPERM') {
      const message = `the socket ${this.socketPath} belongs to another user`;
      const cure = 'Work as that user, or name the socket of your own daemon with --socket.';
      return new KerneletError('DAEMON_UNREACHABLE', message, { cause: error, context, cure });
    }
    const message = breaks.includes(code)
      ? `the daemon on ${this.socketPath} closed the connection`
      : `no daemon answers on ${this.socketPath}`;
    return new KerneletError('DAEMON_UNREACHABLE', message, { cause: error, context });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#address?.[Symbol.asyncDispose]();
  }
}

const length = (body: Uint8Array): Record<string, string> => ({ 'content-length': String(body.length) });

/** Speaks to an agent inside this process; disposing it disposes the agent. */
export class LocalTransport implements Transport {
  readonly #agent: LocalAgent;

  constructor(agent: LocalAgent) {
    this.#agent = agent;
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    const { body } = request;
    const init: RequestInit & { duplex?: 'half' } = {
      method: request.method,
      headers: { ...request.headers },
    };
    if (typeof body === 'function') {
      init.body = ReadableStream.from(body());
      init.duplex = 'half';
    } else if (body) {
      init.body = new Uint8Array(body);
    }
    request.signal?.throwIfAborted();
    const response = await this.#agent.fetch(new Request(`http://kernelet${request.path}`, init), request.signal);
    request.signal?.throwIfAborted();
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: response.body ?? emptyBody(),
    };
  }

  async connect(): Promise<never> {
    throw new KerneletError('NOT_SUPPORTED', 'the ports of a kernel are reached through a daemon');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
