/**
 * Long work (create, build, pull): a plain JSON reply at its end, or, for clients that accept an event stream,
 * `progress` events and then one `result` or `error`.
 */
import { addAbortListener } from 'node:events';
import type { ImageProgress } from '../agent/agent.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { toKerneletError } from '../lib/errors.ts';
import { encodeEvent, eventStreamHeaders, keepAlive } from './event-stream.ts';
import type { ApiContext } from './operation.ts';
import { type OpenStream, openStream } from './stream-reply.ts';

/** Progress that may wait for a slow client; the oldest is dropped beyond. */
const maxWaiting = 64;
/** Silence after which a comment is sent. */
const keepAliveMs = 15_000;

/** Work that an abort of the signal undoes. */
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
  readonly clock?: Clock;
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
  if (!accepts.includes('text/event-stream')) {
    return Response.json(await work(stream.signal, () => {}), { status });
  }
  return stream.reply(progressEvents(stream, work, options), eventStreamHeaders);
}

async function* progressEvents<T extends object>(
  stream: OpenStream,
  work: LongWork<T>,
  { whenClientLeaves, clock = systemClock }: LongWorkOptions<T>,
): AsyncGenerator<Buffer> {
  const waiting: ImageProgress[] = [];
  const change = new Change(clock);
  const outcome = settled(
    work(stream.signal, (progress) => {
      if (waiting.push(progress) > maxWaiting) waiting.shift();
      change.notify();
    }),
  );
  let finished: Awaited<typeof outcome> | undefined;
  void outcome.then((value) => {
    finished = value;
    change.notify();
  });
  const left = (): boolean => stream.signal.aborted && !stream.stopped();
  using _listener = addAbortListener(stream.signal, change.notify);
  try {
    while (!finished || waiting.length > 0) {
      const next = waiting.shift();
      if (next) yield encodeEvent({ type: 'progress', data: next });
      else if (left()) return;
      else if (!(await change.within(keepAliveMs))) yield keepAlive;
    }
    if ('error' in finished) {
      yield encodeEvent({ type: 'error', data: toKerneletError(finished.error).toDocument() });
      return;
    }
    yield encodeEvent({ type: 'result', data: finished.result });
    if (!whenClientLeaves) return;
    while (!stream.signal.aborted) if (!(await change.within(keepAliveMs))) yield keepAlive;
  } finally {
    // The stream can also end before the result was sent: then the result is waited for, so that nothing is orphaned.
    if (whenClientLeaves && !stream.stopped()) {
      const ended = await outcome;
      if ('result' in ended) await whenClientLeaves(ended.result);
    }
  }
}

function settled<T>(work: Promise<T>): Promise<{ readonly result: T } | { readonly error: unknown }> {
  return work.then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
}

/** Something may have changed. One waiter at a time; a change before the wait counts. */
class Change {
  readonly #clock: Clock;
  #changed = Promise.withResolvers<boolean>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly notify = (): void => this.#changed.resolve(true);

  /** Waits for the next change, at most so long; whether there was one. Leaves no timer behind. */
  async within(delayMs: number): Promise<boolean> {
    const pending = this.#changed;
    using _timer = this.#clock.after(delayMs, () => pending.resolve(false));
    const changed = await pending.promise;
    this.#changed = Promise.withResolvers<boolean>();
    return changed;
  }
}
