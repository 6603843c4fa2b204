/**
 * Files of a kernel: listings of folders, downloads and uploads. Each transfer goes over a connection of its own, as fast as
 * its other end takes it. What reads a file in the container is a process with the tenant's ids: a download has as many
 * bytes as were announced, or it fails.
 */
import { addAbortListener } from 'node:events';
import type { Clock, Timer } from '../lib/clock.ts';
import { KerneletError, toKerneletError } from '../lib/errors.ts';
import type { RunnerRequest, RunnerRequests } from '../protocol/agent-frames.ts';
import { FrameError, maxBodyBytes } from '../protocol/frame.ts';
import type { FileEntry, UnpackedArchive } from '../protocol/kernel-files.ts';
import type { RunnerFrameHeader } from '../protocol/runner-frames.ts';
import type { Connection } from './connection.ts';
import { parseResult } from './message-guards.ts';
import type { Download, RunnerClient } from './runner-client.ts';
import { becameShorter, connectionLost, fromRunner, noProgress, protocolError } from './runner-errors.ts';

/** Replies to one listing, each of a bounded number of entries: some hundred thousand of them. */
const maxReplies = 48;

/**
 * Lists a folder of a kernel: every entry, by name; what changes meanwhile may be missing or there twice. Throws the runner's code, and
 * FILE_ERROR for a folder that has too many entries.
 */
export async function listFiles(
  client: Pick<RunnerClient, 'request'>,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly files: readonly FileEntry[] }> {
  const files: FileEntry[] = [];
  let from = 0;
  for (let replies = 0; replies < maxReplies; replies += 1) {
    const part = await client.request('list-files', { path, from }, { signal });
    files.push(...part.files);
    if (part.next === null || part.next <= from) return { path: part.path, files };
    from = part.next;
  }
  const text = `${JSON.stringify(path.slice(0, 200))} has more than ${files.length} entries: list it in the kernel`;
  throw new KerneletError('FILE_ERROR', text);
}

/** Bytes that wait for the reader at which the connection is not read any more. */
const pauseAtBytes = 512 * 1024;
/** What a waiting chunk costs beside its bytes, about. */
const overheadBytes = 256;

/** What bounds a download, and what ends it early. */
export interface DownloadOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** How long the runner may send nothing while somebody waits for it, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Asks for `path` and resolves when the runner has opened it; the connection lives until the content is read,
 * cancelled or failed. The content of a file has exactly its `size`: what comes beyond is not read, and a file that ends
 * early fails with FILE_ERROR. Rejects with the runner's code, CONNECTION_LOST, DEADLINE_EXCEEDED, PROTOCOL_ERROR, or the
 * signal's reason.
 */
export async function download(connection: Connection, path: string, options: DownloadOptions): Promise<Download> {
  const { result, content } = await receive(connection, { method: 'download', params: { path } }, options);
  return { ...result, content };
}

/** Asks for what comes as a stream, as `download` does; what no size was announced of ends with a frame that says so. */
export async function receive<M extends 'download' | 'watch-folder'>(
  connection: Connection,
  request: Extract<RunnerRequest, { method: M }>,
  options: DownloadOptions,
): Promise<{ readonly result: RunnerRequests[M]['result']; readonly content: ReadableStream<Uint8Array> }> {
  const { signal } = options;
  const transfer = new DownloadTransfer<M>(connection, request, options);
  try {
    signal.throwIfAborted();
    connection.send({ t: 'request', id: 1, ...request });
    const result = await transfer.opened();
    return { result, content: transfer.content() };
  } catch (thrown) {
    connection.close(toKerneletError(thrown));
    if (signal.aborted) throw signal.reason;
    throw thrown;
  }
}

/** The connection of one download, and what of it waits for its reader. */
class DownloadTransfer<M extends 'download' | 'watch-folder'> {
  readonly #connection: Connection;
  readonly #method: M;
  readonly #path: string;
  readonly #options: DownloadOptions;
  readonly #open = Promise.withResolvers<RunnerRequests[M]['result']>();
  #isOpen = false;
  /** What the runner announced; null = not known, it is a tar stream. */
  #size: number | null = null;
  #received = 0;
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #complete = false;
  #error: { readonly reason: unknown } | null = null;
  /** Ends the waiting of a reader. */
  #wake: (() => void) | null = null;

  constructor(
    connection: Connection,
    { method, params }: { readonly method: M; readonly params: { readonly path: string } },
    options: DownloadOptions,
  ) {
    const { signal } = options;
    this.#connection = connection;
    this.#method = method;
    this.#path = params.path;
    this.#options = options;
    this.#open.promise.catch(() => {}); // It may fail after nobody waits any more.
    const listener = addAbortListener(signal, () => connection.close(toKerneletError(signal.reason)));
    void connection.closed.then((error) => {
      listener[Symbol.dispose]();
      this.#error ??= { reason: signal.aborted ? signal.reason : error };
      this.#open.reject(this.#error.reason);
      this.#wake?.();
    });
    connection.deliverTo((header, body) => this.#take(header, body));
  }

  /** Resolves with what the runner says of the file. */
  async opened(): Promise<RunnerRequests[M]['result']> {
    using _timer = this.#watch();
    return await this.#open.promise;
  }

  /** The bytes, pulled by their reader. */
  content(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          await this.#arrival();
          const chunk = this.#queue.shift();
          if (chunk) {
            this.#bytes -= chunk.length + overheadBytes;
            if (this.#bytes < pauseAtBytes) this.#connection.resume();
            controller.enqueue(chunk);
          } else if (this.#complete) {
            controller.close();
          } else {
            controller.error(this.#error?.reason);
          }
        },
        cancel: () => this.#connection.close(connectionLost('was closed: the download was cancelled')),
      },
      { highWaterMark: 0 },
    );
  }

  /** Waits until there is a chunk, or the end. */
  async #arrival(): Promise<void> {
    using _timer = this.#watch();
    while (this.#queue.length === 0 && !this.#complete && !this.#error) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #watch(): Disposable {
    const { clock, timeoutMs } = this.#options;
    return clock.after(timeoutMs, () => this.#fail(noProgress(this.#path, timeoutMs)));
  }

  #take(header: RunnerFrameHeader, body: Uint8Array): void {
    if (this.#connection.isClosed) return;
    if (header.t === 'reply' && header.id === 1 && !header.ok) {
      this.#fail(fromRunner(header.error));
    } else if (header.t === 'reply' && header.id === 1 && header.ok && !this.#isOpen) {
      const result = parseResult(this.#method, header.result);
      this.#isOpen = true;
      this.#size = result?.size ?? null;
      this.#open.resolve(result);
      if (this.#size === 0) this.#end();
    } else if (header.t === 'data' && this.#isOpen && body.length > 0) {
      this.#takePiece(body);
    } else if (header.t === 'end' && this.#isOpen) {
      if (this.#size === null) this.#end();
      else this.#fail(becameShorter(this.#path, this.#received, this.#size));
    } else {
      throw new FrameError(`a download is answered with ${header.t}`);
    }
    this.#wake?.();
  }

  #takePiece(body: Uint8Array): void {
    const piece = this.#size === null ? body : body.subarray(0, this.#size - this.#received);
    this.#received += piece.length;
    this.#queue.push(piece);
    this.#bytes += piece.length + overheadBytes;
    // A file whose bytes are all there is complete, whether or not the tenant lets its reader say so.
    if (this.#received === this.#size) this.#end();
    else if (this.#bytes >= pauseAtBytes) this.#connection.pause();
  }

  #end(): void {
    this.#complete = true;
    this.#connection.close(connectionLost('was closed: the download is over'));
  }

  #fail(error: KerneletError): void {
    this.#error ??= { reason: error };
    this.#connection.close(error);
  }
}

type Reply = Extract<RunnerFrameHeader, { t: 'reply' }>;

/** From the last byte of an archive to the answer, in milliseconds: a little more than the runner gives its files to be put in their places. */
const unpackedTimeoutMs = 16 * 60_000;

interface SendOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** How long the runner may take no byte, in milliseconds. */
  readonly timeoutMs: number;
  /** How long it may not answer after the last one; the same when absent. */
  readonly answerTimeoutMs?: number;
}

/**
 * Streams `content` to `path`, and closes the connection. Rejects with the runner's code, CONNECTION_LOST,
 * DEADLINE_EXCEEDED, PROTOCOL_ERROR for a runner that says it took something else, what the content's source failed with,
 * or the signal's reason; the content is cancelled then.
 */
export async function upload(
  connection: Connection,
  path: string,
  content: ReadableStream<Uint8Array>,
  { mode, ...options }: SendOptions & { readonly mode: number | null },
): Promise<{ bytes: number }> {
  return await send(connection, { method: 'upload', params: { path, mode } }, content, options);
}

/** Streams an archive to be unpacked at `path`, as `upload` does with a file. */
export async function unpack(
  connection: Connection,
  path: string,
  content: ReadableStream<Uint8Array>,
  options: SendOptions,
): Promise<UnpackedArchive> {
  const request = { method: 'unpack', params: { path } } as const;
  return await send(connection, request, content, { ...options, answerTimeoutMs: unpackedTimeoutMs });
}

type Sending = 'upload' | 'unpack';

async function send<M extends Sending>(
  connection: Connection,
  request: Extract<RunnerRequest, { method: Sending }> & { readonly method: M },
  content: ReadableStream<Uint8Array>,
  options: SendOptions,
): Promise<RunnerRequests[M]['result']> {
  const { signal, clock, timeoutMs, answerTimeoutMs = timeoutMs } = options;
  const { path } = request.params;
  const reader = content.getReader();
  const sent: Sent = { bytes: 0, whole: false };
  const answer = awaitReply(connection, sent);
  const watch = (ms: number): Timer => clock.after(ms, () => connection.close(noProgress(path, ms)));
  using _listener = addAbortListener(signal, () => connection.close(toKerneletError(signal.reason)));
  // An answer before the end, or a lost connection, ends the waiting for more content.
  const early = answer.then(
    () => reader.cancel().catch(() => {}),
    (error) => reader.cancel(error).catch(() => {}),
  );
  try {
    signal.throwIfAborted();
    connection.send({ t: 'request', id: 1, ...request });
    await pump(reader, connection, sent, () => watch(timeoutMs));
    sent.whole = true;
    connection.send({ t: 'end' });
    using _timer = watch(answerTimeoutMs);
    const reply = await answer;
    if (!reply.ok) throw fromRunner(reply.error);
    return parseReply<M>(request.method, reply, sent);
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    throw thrown;
  } finally {
    connection.close(connectionLost('was closed: the upload is over'));
    await early;
  }
}

/** How much went to the runner, and whether that was all. */
interface Sent {
  bytes: number;
  whole: boolean;
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  connection: Connection,
  sent: Sent,
  watch: () => Timer,
): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (let offset = 0; offset < value.length && !connection.isClosed; offset += maxBodyBytes) {
      const piece = value.subarray(offset, offset + maxBodyBytes);
      connection.send({ t: 'data' }, piece);
      sent.bytes += piece.length;
      using _timer = watch();
      await connection.drained();
    }
  }
}

async function awaitReply(connection: Connection, sent: Sent): Promise<Reply> {
  const replied = Promise.withResolvers<Reply>();
  connection.deliverTo((header) => {
    if (header.t !== 'reply' || header.id !== 1) throw new FrameError(`an upload is answered with ${header.t}`);
    if (header.ok && !sent.whole) throw new FrameError('an upload is answered before its end');
    replied.resolve(header);
  });
  void connection.closed.then((error) => replied.reject(error));
  return await replied.promise;
}

function parseReply<M extends Sending>(
  method: M,
  reply: Extract<Reply, { ok: true }>,
  sent: Sent,
): RunnerRequests[M]['result'] {
  try {
    const result = parseResult(method, reply.result);
    if (result.bytes !== sent.bytes) throw new FrameError(`it took ${result.bytes} bytes, and ${sent.bytes} were sent`);
    return result;
  } catch (cause) {
    throw protocolError(cause);
  }
}
