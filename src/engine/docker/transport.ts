/**
 * HTTP to the engine over its UNIX socket. Every call takes a signal, and an abort is judged by the signal, since Node
 * reports one in several ways. Callers set their own deadlines; whoever sets none is still not held up for ever by an
 * engine that hangs, since a call that is not `unbounded` must be answered within a bound of its own.
 *
 * Calls that may be repeated share a few kept-alive connections and are repeated once when such a connection turns out
 * to be dead (the engine was restarted). Calls that must not be repeated, and streams, get a connection of their own:
 * then a dead connection cannot be met, and a long stream takes no slot from the others.
 */
import http from 'node:http';
import net from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import { openUnixAddress } from '../../lib/unix-address.ts';
import { abortFailure, connectionFailure, isStaleConnection, statusFailure } from './failure.ts';

/** The most bytes of a reply that is read at once: listings of thousands of containers fit. */
const replyLimit = 64 * 2 ** 20;
/** The most bytes of a refusal that are read. */
const refusalLimit = 64 * 2 ** 10;
/** Connections that short calls share; more calls wait for one, within their deadlines. */
const sharedConnections = 32;

/** How long the engine may take to answer a question, and to do something: above the deadlines of all creation steps. */
const defaultBounds = { readMs: 30_000, changeMs: 150_000 };

/** One call of the engine: what is asked, and how far it may be repeated and take time. */
export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Path below the version's prefix, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** What is asked, for errors, after "refused to": `start container x`. */
  readonly what: string;
  /** Whether doing it twice is the same as once. Reads are; absent means no for the rest. */
  readonly idempotent?: boolean;
  /** For what takes as long as it takes: the end of a container, a build. */
  readonly unbounded?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly stream?: ReadableStream<Uint8Array>;
  /** Statuses from 300 on that are no failure. */
  readonly accept?: readonly number[];
}

/** A reply whose body is still to be read. */
export interface EngineReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Readable;
}

/** Calls the engine. Dispose it to close its connections. */
export class DockerTransport implements Disposable {
  readonly socketPath: string;
  readonly #shared: UnixAgent;
  readonly #single: UnixAgent;
  readonly #bounds: typeof defaultBounds;
  readonly #clock: Clock;

  constructor(socketPath: string, options: { bounds?: typeof defaultBounds; clock?: Clock } = {}) {
    this.socketPath = socketPath;
    this.#bounds = options.bounds ?? defaultBounds;
    this.#clock = options.clock ?? systemClock;
    this.#shared = new UnixAgent(socketPath, { keepAlive: true, maxSockets: sharedConnections });
    this.#single = new UnixAgent(socketPath, { keepAlive: false });
  }

  /**
   * Sends a call and reads its JSON reply; null when the body is empty. Throws ENGINE_UNAVAILABLE, ENGINE_FAILED, or
   * the reason of the signal.
   */
  async json(request: EngineRequest, signal: AbortSignal): Promise<{ status: number; value: unknown }> {
    const repeatable = request.idempotent ?? request.method === 'GET';
    using bound = this.#bound(request, signal);
    const reply = await this.#reply(request, bound.signal, repeatable && !request.stream);
    const body = await this.#read(reply, replyLimit, request, bound.signal);
    if (body === null) throw new KerneletError('ENGINE_FAILED', `the engine's reply to ${request.what} is too long`);
    if (body.trim() === '') return { status: reply.status, value: null };
    try {
      return { status: reply.status, value: JSON.parse(body) };
    } catch (cause) {
      throw new KerneletError('ENGINE_FAILED', `the engine's reply to ${request.what} is not JSON`, {
        cause,
        context: { status: reply.status },
      });
    }
  }

  /**
   * Sends a call and hands back its body while it arrives, on a connection of its own. The signal ends it; only the
   * beginning of the reply is bounded.
   */
  async stream(request: EngineRequest, signal: AbortSignal): Promise<EngineReply> {
    using bound = this.#bound(request, signal);
    return await this.#reply(request, AbortSignal.any([signal, bound.signal]), false);
  }

  /**
   * The chunks of a reply. Throws like a call; leaving the loop early closes the connection.
   */
  async *chunks(
    reply: EngineReply,
    request: EngineRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of reply.body) {
        if (chunk instanceof Uint8Array) yield chunk;
      }
    } catch (thrown) {
      throw this.#failure(thrown, request, signal);
    } finally {
      reply.body.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.#shared.destroy();
    this.#single.destroy();
  }

  #bound({ method, what, unbounded }: EngineRequest, signal: AbortSignal): { signal: AbortSignal } & Disposable {
    if (unbounded) return { signal, [Symbol.dispose]: () => {} };
    const timeoutMs = method === 'GET' || method === 'HEAD' ? this.#bounds.readMs : this.#bounds.changeMs;
    return new Deadline({ what: `the engine, asked to ${what},`, timeoutMs, signal, clock: this.#clock });
  }

  async #reply(request: EngineRequest, signal: AbortSignal, shared: boolean): Promise<EngineReply> {
    let reply: EngineReply;
    try {
      reply = await this.#send(request, signal, shared);
    } catch (thrown) {
      throw this.#failure(thrown, request, signal);
    }
    if (reply.status < 300 || request.accept?.includes(reply.status)) return reply;
    const body = await this.#read(reply, refusalLimit, request, signal);
    throw statusFailure(reply.status, body ?? '', request.what);
  }

  async #send(request: EngineRequest, signal: AbortSignal, shared: boolean): Promise<EngineReply> {
    if (signal.aborted) throw signal.reason;
    const payload = request.json === undefined ? undefined : Buffer.from(JSON.stringify(request.json));
    const outgoing = http.request({
      agent: shared ? this.#shared : this.#single,
      host: 'docker',
      method: request.method,
      path: request.path + queryText(request.query),
      headers: {
        // Also for a connection that serves one call: were the engine to close it right after an early reply, Node's
        // last, empty write would fail and take the reply with it.
        Connection: 'keep-alive',
        ...(payload ? { 'Content-Type': 'application/json', 'Content-Length': payload.length } : {}),
        ...request.headers,
      },
      signal,
    });
    try {
      return await exchange(outgoing, payload, request.stream);
    } catch (thrown) {
      if (!shared || signal.aborted || !outgoing.reusedSocket || !isStaleConnection(thrown)) throw thrown;
      return await this.#send(request, signal, false);
    }
  }

  /** The text of a body; null when it is longer than the limit. */
  async #read(reply: EngineReply, limit: number, request: EngineRequest, signal: AbortSignal): Promise<string | null> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks(reply, request, signal)) {
      size += chunk.length;
      if (size > limit) return null;
      parts.push(chunk);
    }
    return Buffer.concat(parts).toString('utf8');
  }

  #failure(thrown: unknown, request: EngineRequest, signal: AbortSignal): KerneletError {
    if (signal.aborted) return abortFailure(signal, request.what);
    return connectionFailure(thrown, this.socketPath, `to ${request.what}`);
  }
}

/** Sends the body and waits for the head of the reply, which may come before the body has been sent. */
async function exchange(
  outgoing: http.ClientRequest,
  payload: Uint8Array | undefined,
  stream: ReadableStream<Uint8Array> | undefined,
): Promise<EngineReply> {
  const replied = new Promise<EngineReply>((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', (body) => {
      // A later error is reported by the reader of the body; without a listener it would end the process.
      body.on('error', () => {});
      resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
    });
  });
  outgoing.on('error', () => {});
  if (!stream) {
    outgoing.end(payload);
    return await replied;
  }
  const source = Readable.fromWeb(stream);
  source.pipe(outgoing);
  const sent = finished(source).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const failure = new KerneletError('FILE_ERROR', `what was to be sent could not be read: ${reason}`, { cause });
    outgoing.destroy(failure);
    throw failure;
  });
  try {
    const reply = await Promise.race([replied, sent.then(() => replied)]);
    reply.body.once('close', () => source.destroy());
    return reply;
  } catch (thrown) {
    source.destroy();
    throw thrown;
  }
}

function queryText(query: EngineRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(key, value);
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}

/** An http.Agent all of whose connections go to one socket, whatever the request's host. */
export class UnixAgent extends http.Agent {
  readonly #path: string;

  constructor(path: string, options: http.AgentOptions) {
    super(options);
    this.#path = path;
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    if (Buffer.byteLength(this.#path) <= 107 || !callback) return net.connect({ path: this.#path });
    this.#connectFar().then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), new net.Socket()),
    );
    return undefined;
  }

  async #connectFar(): Promise<net.Socket> {
    await using opened = await openUnixAddress(this.#path);
    const socket = net.connect({ path: opened.address });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return socket;
  }
}

/** How many objects are inspected at a time: enough to hide latency, few enough to leave connections to others. */
const inspectedAtOnce = 8;

/** Inspects each object of a listing, in its order; one that is gone meanwhile is left out. The first failure ends it. */
export async function inspectEach<Result>(
  ids: readonly string[],
  inspect: (id: string) => Promise<Result | null>,
): Promise<Result[]> {
  const results: (Result | null)[] = [];
  const remaining = ids.entries();
  const worker = async (): Promise<void> => {
    for (const [index, id] of remaining) results[index] = await inspect(id);
  };
  await Promise.all(Array.from({ length: Math.min(inspectedAtOnce, ids.length) }, worker));
  return results.filter((result) => result !== null);
}
