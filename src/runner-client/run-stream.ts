/**
 * The events of one run on their way to one reader: a queue between the connection, which pushes, and the reader, which
 * pulls. An event counts as consumed when the reader asks for the next one.
 */
import { addAbortListener } from 'node:events';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import { headerLength, type NumberedRunEvent } from '../protocol/run-event.ts';

/** What the owner of a stream hears of its reader. */
export interface RunStreamOwner {
  /** The reader has everything up to `stream.consumed`. */
  consumed(stream: RunStream): void;
  /** The reader has left, by itself or because the stream was over. */
  closed(stream: RunStream): void;
}

type Result = IteratorResult<NumberedRunEvent, undefined>;

/** What an event costs beside its bytes, about. */
const overheadBytes = 256;
/** A waiting body may keep this many times its size alive. */
const wasteFactor = 4;

/** One reader of one run. */
export class RunStream implements AsyncIterableIterator<NumberedRunEvent, undefined> {
  readonly run: RunId;
  /** Number of the newest event that has arrived. */
  received: number;
  /** Number of the newest event that the reader is done with. */
  consumed: number;
  readonly #owner: RunStreamOwner;
  readonly #abortListener: Disposable;
  #queue: NumberedRunEvent[] = [];
  /** Index of the first event that waits: shifting a long array costs too much. */
  #head = 0;
  #bytes = 0;
  #handedOut: NumberedRunEvent | null = null;
  #waiter: PromiseWithResolvers<Result> | null = null;
  #sealed = false;
  #error: { readonly reason: unknown } | null = null;
  #closed = false;

  /** The owner hears of nothing before this returns. */
  constructor(run: RunId, after: number, signal: AbortSignal, owner: RunStreamOwner) {
    this.run = run;
    this.received = after;
    this.consumed = after;
    this.#owner = owner;
    this.#abortListener = addAbortListener(signal, () => this.fail(signal.reason, { dropQueue: true }));
  }

  /** Bytes that wait for the reader, events' own cost included. */
  get bufferedBytes(): number {
    return this.#bytes;
  }

  /** Whether nothing more is to come. */
  get isSealed(): boolean {
    return this.#sealed;
  }

  /** Adds an event; the last one seals the stream. */
  push(event: NumberedRunEvent): void {
    if (this.#sealed) return;
    this.received = event.n;
    if (event.event.kind === 'finished') this.#sealed = true;
    const waiter = this.#waiter;
    if (waiter) {
      this.#waiter = null;
      this.#handedOut = event;
      waiter.resolve({ done: false, value: event });
      return;
    }
    this.#queue.push(compact(event));
    this.#bytes += costOf(event);
  }

  /** Nothing more comes: the reader gets what waits, then the end. */
  end(): void {
    this.#sealed = true;
    if (this.#waiter) this.#finish();
  }

  /** The reader gets what waits (unless it is dropped), then this error. The first error counts. */
  fail(reason: unknown, options: { dropQueue: boolean }): void {
    if (this.#closed) return;
    this.#sealed = true;
    this.#error ??= { reason };
    if (options.dropQueue) {
      this.#queue = [];
      this.#head = 0;
      this.#bytes = 0;
      this.#handedOut = null;
      this.#close();
    }
    if (this.#waiter) this.#finish();
  }

  next(): Promise<Result> {
    if (this.#waiter) return Promise.reject(new KerneletError('INTERNAL', 'a run is read twice at once'));
    if (this.#handedOut) {
      this.consumed = this.#handedOut.n;
      this.#handedOut = null;
      this.#owner.consumed(this);
    }
    const event = this.#queue[this.#head];
    if (event) {
      this.#forward(event);
      return Promise.resolve({ done: false, value: event });
    }
    this.#waiter = Promise.withResolvers<Result>();
    const { promise } = this.#waiter;
    if (this.#sealed) this.#finish();
    return promise;
  }

  /** The reader leaves; the event that it has is not consumed. */
  return(): Promise<Result> {
    this.#sealed = true;
    this.#queue = [];
    this.#head = 0;
    this.#handedOut = null;
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #forward(event: NumberedRunEvent): void {
    this.#handedOut = event;
    this.#bytes -= costOf(event);
    this.#head += 1;
    if (this.#head === this.#queue.length || this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #finish(): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    const error = this.#error;
    if (waiter && error) {
      this.#error = null;
      waiter.reject(error.reason);
    } else {
      waiter?.resolve({ done: true, value: undefined });
    }
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abortListener[Symbol.dispose]();
    this.#owner.closed(this);
  }
}

/** A header may be longer than any body; a character has two bytes. */
const costOf = ({ event, body }: NumberedRunEvent): number => body.length + overheadBytes + headerLength(event) * 2;

/**
 * A body is a view of what one read of the socket brought, and keeps all of that alive: one that is to wait and is a
 * small part of it is copied, so that what waits costs what is counted.
 */
function compact(event: NumberedRunEvent): NumberedRunEvent {
  const { body } = event;
  return body.length * wasteFactor < body.buffer.byteLength ? { ...event, body: body.slice() } : event;
}
