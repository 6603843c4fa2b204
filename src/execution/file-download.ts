/** Takes a file out of a kernel on a connection of its own, as fast as its reader takes it. */
import { toKerneletError } from '../lib/errors.ts';
import { FrameError } from '../protocol/frame.ts';
import type { RunnerFrameHeader } from '../protocol/runner-messages.ts';
import type { Connection } from './connection.ts';
import { parseResult } from './reply-guards.ts';
import type { Download } from './runner-client.ts';
import { connectionLost, fromRunner } from './runner-errors.ts';

/** Bytes that wait for the reader at which the connection is not read any more. */
const pauseAtBytes = 512 * 1024;
/** What a waiting chunk costs beside its bytes, about. */
const overheadBytes = 256;

/**
 * Asks for `path` and resolves when the runner has opened it; the connection lives until the content is read,
 * cancelled or failed. Rejects with the runner's code, CONNECTION_LOST, PROTOCOL_ERROR, or the signal's reason.
 */
export async function download(connection: Connection, path: string, signal: AbortSignal): Promise<Download> {
  const transfer = new Transfer(connection, signal);
  try {
    signal.throwIfAborted();
    connection.send({ t: 'request', id: 1, method: 'download', params: { path } });
    const head = await transfer.opened;
    return { ...head, content: transfer.content() };
  } catch (thrown) {
    connection.close(toKerneletError(thrown));
    if (signal.aborted) throw signal.reason;
    throw thrown;
  }
}

class Transfer {
  readonly opened: Promise<Omit<Download, 'content'>>;
  readonly #connection: Connection;
  readonly #open = Promise.withResolvers<Omit<Download, 'content'>>();
  #isOpen = false;
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #complete = false;
  #error: { readonly reason: unknown } | null = null;
  /** Ends the waiting of a reader. */
  #wake: (() => void) | null = null;

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    this.opened = this.#open.promise;
    this.opened.catch(() => {}); // It may fail after nobody waits any more.
    const onAbort = (): void => connection.close(toKerneletError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    void connection.closed.then((error) => {
      signal.removeEventListener('abort', onAbort);
      this.#error ??= { reason: signal.aborted ? signal.reason : error };
      this.#open.reject(this.#error.reason);
      this.#wake?.();
    });
    connection.deliverTo((head, body) => this.#take(head, body));
  }

  /** The bytes, pulled by their reader. */
  content(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          while (this.#queue.length === 0 && !this.#complete && !this.#error) {
            await new Promise<void>((resolve) => {
              this.#wake = resolve;
            });
          }
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

  #take(head: RunnerFrameHeader, body: Uint8Array): void {
    if (head.t === 'reply' && head.id === 1 && !head.ok) {
      this.#error = { reason: fromRunner(head.error) };
      this.#connection.close(fromRunner(head.error));
    } else if (head.t === 'reply' && head.id === 1 && head.ok && !this.#isOpen) {
      this.#isOpen = true;
      this.#open.resolve(parseResult('download', head.result));
    } else if (head.t === 'data' && this.#isOpen) {
      this.#queue.push(body);
      this.#bytes += body.length + overheadBytes;
      if (this.#bytes >= pauseAtBytes) this.#connection.pause();
    } else if (head.t === 'end' && this.#isOpen) {
      this.#complete = true;
      this.#connection.close(connectionLost('was closed: the download is over'));
    } else {
      throw new FrameError(`a download is answered with ${head.t}`);
    }
    this.#wake?.();
  }
}
