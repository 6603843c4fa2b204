/**
 * From a source of things to a reply of server-sent events: an error before the first event (or within the first
 * moments) is an ordinary error reply, a later one is an `error` event; silence is filled with comments.
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { toKerneletError } from '../lib/errors.ts';
import { encodeEvent, eventStreamHeaders, keepAlive } from './sse.ts';
import type { OpenStream } from './stream-reply.ts';

/** How long an error may take to be told by the status of the reply. */
const firstMomentsMs = 100;
/** Silence after which a comment is sent. */
const keepAliveMs = 15_000;

/** Answers with the encoded items of `source`. */
export async function eventStream<T>(
  stream: OpenStream,
  source: AsyncIterable<T>,
  encode: (item: T) => Buffer,
  clock: Clock = systemClock,
): Promise<Response> {
  const iterator = source[Symbol.asyncIterator]();
  const first = iterator.next();
  await settledWithin(first, firstMomentsMs, clock, stream.signal);
  return stream.reply(chunks(stream, iterator, first, encode, clock), eventStreamHeaders);
}

/** Waits for the promise, at most so long; throws when it rejects meanwhile, or the signal's reason. */
async function settledWithin(
  promise: Promise<unknown>,
  delayMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const early = Promise.withResolvers<boolean>();
  const onAbort = (): void => early.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  using _timer = clock.after(delayMs, () => early.resolve(false));
  try {
    return await Promise.race([promise.then(() => true), early.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function* chunks<T>(
  stream: OpenStream,
  iterator: AsyncIterator<T>,
  first: Promise<IteratorResult<T>>,
  encode: (item: T) => Buffer,
  clock: Clock,
): AsyncGenerator<Buffer> {
  let pending = first;
  // It may reject after this reader has left.
  first.catch(() => {});
  try {
    for (;;) {
      if (!(await settledWithin(pending, keepAliveMs, clock, stream.signal))) {
        yield keepAlive;
        continue;
      }
      const result = await pending;
      if (result.done) return;
      yield encode(result.value);
      pending = iterator.next();
      pending.catch(() => {});
    }
  } catch (error) {
    // Also when the server stops: an end without an error means that there is no more.
    yield encodeEvent({ type: 'error', data: toKerneletError(error).toDocument() });
  } finally {
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
