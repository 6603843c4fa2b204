/**
 * Takes a file out of a kernel on a connection of its own, as fast as its reader takes it. What reads the file is a
 * process with the tenant's ids: a download has as many bytes as were announced, or it fails.
 */
import type { Clock } from '../lib/clock.ts';
import { type KerneletError, toKerneletError } from '../lib/errors.ts';
import { FrameError } from '../protocol/frame.ts';
import type { RunnerFrameHeader } from '../protocol/runner-frames.ts';
import type { Connection } from './connection.ts';
import { parseResult } from './reply-guards.ts';
import type { Download } from './runner-client.ts';
import { becameShorter, connectionLost, fromRunner, standsStill } from './runner-errors.ts';

/** Bytes that wait for the reader at which the connection is not read any more. */
const pauseAtBytes = 512 * 1024;
/** What a waiting chunk costs beside its bytes, about. */
const overheadBytes = 256;

/** How to download. */
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
  const { signal } = options;
  const transfer = new Transfer(connection, path, options);
  try {
    signal.throwIfAborted();
    connection.send({ t: 'request', id: 1, method: 'download', params: { path } });
    const header = await transfer.opened();
    return { ...header, content: transfer.content() };
  } catch (thrown) {
    connection.close(toKerneletError(thrown));
    if (signal.aborted) throw signal.reason;
    throw thrown;
  }
}

class Transfer {
  readonly #connection: Connection;
  readonly #path: string;
  readonly #options: DownloadOptions;
  readonly #open = Promise.withResolvers<Omit<Download, 'content'>>();
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

  constructor(connection: Connection, path: string, options: DownloadOptions) {
    const { signal } = options;
    this.#connection = connection;
    this.#path = path;
    this.#options = options;
    this.#open.promise.catch(() => {}); // It may fail after nobody waits any more.
    const onAbort = (): void => connection.close(toKerneletError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    void connection.closed.then((error) => {
      signal.removeEventListener('abort', onAbort);
      this.#error ??= { reason: signal.aborted ? signal.reason : error };
      this.#open.reject(this.#error.reason);
      this.#wake?.();
    });
    connection.deliverTo((header, body) => this.#take(header, body));
  }

  /** Resolves with what the runner says of the file. */
  async opened(): Promise<Omit<Download, 'content'>> {
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
    return clock.after(timeoutMs, () => this.#fail(standsStill(this.#path, timeoutMs)));
  }

  #take(header: RunnerFrameHeader, body: Uint8Array): void {
    if (this.#connection.isClosed) return;
    if (header.t === 'reply' && header.id === 1 && !header.ok) {
      this.#fail(fromRunner(header.error));
    } else if (header.t === 'reply' && header.id === 1 && header.ok && !this.#isOpen) {
      const result = parseResult('download', header.result);
      this.#isOpen = true;
      this.#size = result.size;
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
