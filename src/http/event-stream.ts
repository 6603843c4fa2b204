/**
 * From a source of things to a reply that streams them: an error before the first one (or within the first moments) is
 * an ordinary error reply, a later one ends the stream; silence is filled with what means nothing. Server-sent events are
 * written by hand: the bytes of output are encoded once and copied once, and every event is one `data` line, since JSON never
 * contains a line break.
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import { type ErrorDocument, KerneletError, toKerneletError } from '../lib/errors.ts';
import { contentDocument } from '../protocol/event-document.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import type { ApiContext } from './operation.ts';
import type { OpenStream } from './stream-reply.ts';

/** How things are written into a stream: pieces of bytes that follow each other. */
export interface StreamFormat<T> {
  readonly headers: Readonly<Record<string, string>>;
  readonly silence: readonly Uint8Array[];
  item(item: T): readonly Uint8Array[];
  error(document: ErrorDocument): readonly Uint8Array[];
}

/** How long the reply waits for an error that its status can still report. */
const firstMomentsMs = 100;
/** Silence after which something is sent. */
const keepAliveMs = 15_000;

/** Answers with the items of `source`. */
export async function eventStream<T>(
  stream: OpenStream,
  source: AsyncIterable<T>,
  format: StreamFormat<T>,
  clock: Clock = systemClock,
): Promise<Response> {
  const iterator = source[Symbol.asyncIterator]();
  const first = iterator.next();
  await settledWithin(first, firstMomentsMs, clock, stream.signal);
  return stream.reply(chunks(stream, iterator, first, format, clock), format.headers);
}

/** Waits for the promise, at most so long; throws when it rejects meanwhile, or the signal's reason. */
async function settledWithin(
  promise: Promise<unknown>,
  delayMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const early = Promise.withResolvers<boolean>();
  using _timer = clock.after(delayMs, () => early.resolve(false));
  return await raceWithSignal(Promise.race([promise.then(() => true), early.promise]), signal);
}

async function* chunks<T>(
  stream: OpenStream,
  iterator: AsyncIterator<T>,
  first: Promise<IteratorResult<T>>,
  format: StreamFormat<T>,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  let pending = first;
  // It may reject after this reader has left.
  first.catch(() => {});
  try {
    for (;;) {
      if (!(await settledWithin(pending, keepAliveMs, clock, stream.signal))) {
        yield* format.silence;
        continue;
      }
      const result = await pending;
      if (result.done) return;
      yield* format.item(result.value);
      pending = iterator.next();
      pending.catch(() => {});
    }
  } catch (error) {
    // Also when the server stops: an end without an error means that there is no more.
    yield* format.error(toKerneletError(error).toDocument());
  } finally {
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/** Where a reader goes on: the header of a resumed stream, else the query, else from the start. */
export function resumeAfter(context: ApiContext, after: number | undefined): number {
  const header = context.req.header('last-event-id');
  if (header === undefined || header === '') return after ?? 0;
  if (!/^[0-9]{1,15}$/.test(header)) {
    throw new KerneletError('INVALID_ARGUMENT', 'header Last-Event-ID: not the number of an event');
  }
  return Number(header);
}

/** Headers of an event stream. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
} as const;

/** A comment that keeps the connection from looking dead. */
export const keepAlive = Buffer.from(': keep-alive\n\n');

/** Things as server-sent events, given how one is encoded. */
export function serverSentEvents<T>(encode: (item: T) => Buffer): StreamFormat<T> {
  return {
    headers: eventStreamHeaders,
    silence: [keepAlive],
    item: (item) => [encode(item)],
    error: (document) => [encodeEvent({ type: 'error', data: document })],
  };
}

/** Any event with a JSON document. */
export function encodeEvent(event: { id?: number; type?: string; data: unknown }): Buffer {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  const type = event.type === undefined ? '' : `event: ${event.type}\n`;
  return Buffer.from(`${id}${type}data: ${JSON.stringify(event.data)}\n\n`);
}

/** An event of a run: `id` is its number, output is base64 in `body`, the last member; others have their content in themselves. */
export function encodeRunEvent({ n, event, body }: NumberedRunEvent): Buffer {
  const content = contentDocument({ event, body });
  if (content) return encodeEvent({ id: n, data: { n, event: content } });
  const head = `id: ${n}\ndata: {"n":${n},"event":${JSON.stringify(event)}`;
  return body.length === 0 ? Buffer.from(`${head}}\n\n`) : withBody(head, body);
}

/** A piece of a log: the bytes are base64 in `body`, the last member. */
export function encodeLogPiece(stream: 'stdout' | 'stderr', data: Uint8Array): Buffer {
  return withBody(`data: {"stream":"${stream}"`, data);
}

function withBody(head: string, body: Uint8Array): Buffer {
  const start = Buffer.byteLength(head);
  const encoded = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  const buffer = Buffer.allocUnsafe(start + bodyStart.length + encoded.length + bodyEnd.length);
  buffer.write(head, 0);
  buffer.write(bodyStart, start, 'latin1');
  buffer.write(encoded, start + bodyStart.length, 'latin1');
  buffer.write(bodyEnd, start + bodyStart.length + encoded.length, 'latin1');
  return buffer;
}

const bodyStart = ',"body":"';
const bodyEnd = '"}\n\n';
