/**
 * Long work (create, build, pull): a plain JSON reply at its end, or, for clients that accept an event stream,
 * `progress` events and then one `result` or `error`.
 */
import type { ImageProgress } from '../agent/agent.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { ApiContext } from './api-context.ts';
import { json } from './endpoint.ts';
import { encodeEvent, eventStreamHeaders, keepAlive } from './sse.ts';
import { type OpenStream, openStream } from './stream-reply.ts';

/** Progress that may wait for a slow client; the oldest is dropped beyond. */
const maxWaiting = 64;
/** Silence after which a comment is sent. */
const keepAliveMs = 15_000;

/** The work itself. */
export type LongWork<T extends object> = (
  signal: AbortSignal,
  onProgress: (progress: ImageProgress) => void,
) => Promise<T>;

/** What may follow the result. */
export interface LongWorkOptions<T> {
  /**
   * Keeps an event stream open after the result, until the client closes it, and then calls this. Not called when the
   * server stops.
   */
  readonly whenClientLeaves?: (result: T) => Promise<void>;
}

/** Does the work and answers. */
export async function longWork<T extends object>(
  context: ApiContext,
  status: 200 | 201,
  work: LongWork<T>,
  options: LongWorkOptions<T> = {},
): Promise<Response> {
  const stream = openStream(context);
  const accepts = context.req.header('accept') ?? '';
  if (!accepts.includes('text/event-stream')) return json(status, await work(stream.signal, () => {}));
  return stream.reply(progressEvents(stream, work, options), eventStreamHeaders);
}

async function* progressEvents<T extends object>(
  stream: OpenStream,
  work: LongWork<T>,
  options: LongWorkOptions<T>,
): AsyncGenerator<Buffer> {
  const waiting: ImageProgress[] = [];
  let wake: () => void = () => {};
  const outcome = work(stream.signal, (progress) => {
    if (waiting.push(progress) > maxWaiting) waiting.shift();
    wake();
  }).then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
  let finished: Awaited<typeof outcome> | undefined;
  void outcome.then((value) => {
    finished = value;
    wake();
  });
  let result: T | undefined;
  try {
    for (;;) {
      const next = waiting.shift();
      if (next) {
        yield encodeEvent({ type: 'progress', data: next });
      } else if (finished) {
        break;
      } else {
        yield* quietly(
          () => waiting.length > 0 || finished !== undefined,
          (callback) => {
            wake = callback;
          },
        );
      }
    }
    if ('error' in finished) {
      yield encodeEvent({ type: 'error', data: toKerneletError(finished.error).toDocument() });
      return;
    }
    result = finished.result;
    yield encodeEvent({ type: 'result', data: result });
    if (options.whenClientLeaves) {
      yield* quietly(
        () => stream.signal.aborted,
        (callback) => stream.signal.addEventListener('abort', callback, { once: true }),
      );
    }
  } finally {
    // The stream can also end before the result was told: then the result is waited for, so that nothing is orphaned.
    if (options.whenClientLeaves && !stream.stopped()) await left(outcome, options.whenClientLeaves);
  }
}

async function left<T>(
  outcome: Promise<{ result: T } | { error: unknown }>,
  whenClientLeaves: (result: T) => Promise<void>,
): Promise<void> {
  const ended = await outcome;
  if ('result' in ended) await whenClientLeaves(ended.result);
}

/** Waits until `ready` holds, with comments meanwhile. `onChange` registers what to call when it may have changed. */
async function* quietly(ready: () => boolean, onChange: (callback: () => void) => void): AsyncGenerator<Buffer> {
  while (!ready()) {
    const { promise, resolve } = Promise.withResolvers<void>();
    onChange(resolve);
    if (ready()) return;
    const timer = setTimeout(resolve, keepAliveMs);
    await promise;
    clearTimeout(timer);
    if (!ready()) yield keepAlive;
  }
}
