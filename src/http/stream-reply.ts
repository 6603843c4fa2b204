/**
 * Replies that go on for a while. A chunk is asked for only when the one before it has left the process, so a slow
 * reader holds the source back, and whatever the source counts as consumed has really been handed to the system.
 */
import type { ServerResponse } from 'node:http';
import { KerneletError } from '../lib/errors.ts';
import type { ApiContext } from './operation.ts';

/** A stream that is being prepared: the signal for its source, and the reply. */
export interface OpenStream {
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  /** Whether the end came from this side: the server is stopping. */
  stopped(): boolean;
  /** Starts the reply. `length`: how many bytes the chunks have, when that is known; another number breaks the connection. */
  reply(chunks: AsyncIterable<Uint8Array>, headers: Readonly<Record<string, string>>, length?: number | null): Response;
}

/** The header by which `@hono/node-server` knows that somebody else writes the reply. */
export const alreadySent = 'x-hono-already-sent';

/** Prepares a stream for this request. */
export function openStream(context: ApiContext): OpenStream {
  const cancelled = new AbortController();
  const { outgoing, stopping, leaving } = context.env ?? {};
  const signals = [leaving ?? context.req.raw.signal, cancelled.signal, ...(stopping ? [stopping] : [])];
  return {
    signal: AbortSignal.any(signals),
    stopped: () => stopping?.aborted ?? false,
    reply(chunks, formatHeaders, length = null) {
      const body = length === null ? chunks : ofDeclaredLength(chunks, length);
      const headers = length === null ? formatHeaders : { ...formatHeaders, 'content-length': String(length) };
      if (!outgoing) return new Response(pullStream(body, cancelled), { headers });
      outgoing.writeHead(200, headers);
      outgoing.flushHeaders();
      void pump(body, outgoing);
      return new Response(null, { headers: { [alreadySent]: 'true' } });
    },
  };
}

async function pump(chunks: AsyncIterable<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  try {
    for await (const chunk of chunks) await writeFlushed(outgoing, chunk);
    outgoing.end();
  } catch {
    // The source speaks of its own errors where the format allows it; here only a broken end can show it.
    outgoing.destroy();
  }
}

function writeFlushed(outgoing: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new KerneletError('CANCELLED', 'the client has closed the connection'));
    if (outgoing.destroyed) return onClose();
    outgoing.once('close', onClose);
    outgoing.write(chunk, (error) => {
      outgoing.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}

function pullStream(chunks: AsyncIterable<Uint8Array>, cancelled: AbortController): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const result = await iterator.next();
          if (result.done) controller.close();
          else controller.enqueue(result.value);
        } catch (error) {
          controller.error(error);
        }
      },
      cancel() {
        cancelled.abort(new KerneletError('CANCELLED', 'the client has closed the stream'));
        // Not awaited: a generator takes it only after the step that is under way.
        void Promise.resolve(iterator.return?.()).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * The chunks, cut at `length` bytes, which were declared before them: on a connection that lives on, a client takes what
 * is too much for the reply to its next request, and waits for what is missing. Throws INTERNAL when the source has more
 * or fewer: the connection has to be closed.
 */
export async function* ofDeclaredLength(
  chunks: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let passed = 0;
  for await (const chunk of chunks) {
    const piece = chunk.subarray(0, length - passed);
    passed += piece.length;
    if (piece.length > 0) yield piece;
    if (piece.length < chunk.length) throw new KerneletError('INTERNAL', `a body of ${length} bytes has more`);
  }
  if (passed < length) throw new KerneletError('INTERNAL', `a body of ${length} bytes ended after ${passed}`);
}
