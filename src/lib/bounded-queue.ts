/**
 * A queue with a bound, between one or more writers and one or more readers. A full queue holds its writers back, an
 * empty one its readers. Items may weigh more than 1 (bytes of a chunk); one item that is heavier than the whole
 * capacity is let in alone, so that nothing can wait for ever.
 */
import { KerneletError } from './errors.ts';

/** How to make a queue. */
export interface BoundedQueueOptions<T> {
  /** The most weight that the queue holds. */
  readonly capacity: number;
  /** The weight of an item; 1 when absent. */
  readonly weigh?: (item: T) => number;
  /** What the queue is for, for error texts. */
  readonly name?: string;
}

interface Waiter<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}
interface Writer<T> extends Waiter<void> {
  readonly item: T;
}

/** A bounded queue that is read with `for await`. */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #weigh: (item: T) => number;
  readonly #name: string;
  #items: T[] = [];
  /** Index of the first item that was not taken: shifting a long array costs too much. */
  #head = 0;
  #weight = 0;
  readonly #readers: Waiter<IteratorResult<T, undefined>>[] = [];
  readonly #writers: Writer<T>[] = [];
  #end: { readonly error: unknown; readonly failed: boolean } | null = null;

  constructor(options: BoundedQueueOptions<T>) {
    this.#capacity = options.capacity;
    this.#weigh = options.weigh ?? (() => 1);
    this.#name = options.name ?? 'queue';
  }

  /** How many items wait to be read. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  /** The weight of the items that wait to be read. */
  get weight(): number {
    return this.#weight;
  }

  /** Whether nothing more can be written. */
  get closed(): boolean {
    return this.#end !== null;
  }

  /** Adds the item if it fits now. Returns false when the queue is full or closed. */
  tryPush(item: T): boolean {
    if (this.#end || this.#writers.length > 0 || !this.#fits(item)) return false;
    this.#put(item);
    return true;
  }

  /**
   * Adds the item, waiting for room. Rejects with the signal's reason, with the queue's failure, or with CANCELLED
   * when the queue was closed.
   */
  push(item: T, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#end) return Promise.reject(this.#refusal());
    if (this.tryPush(item)) return Promise.resolve();
    return this.#wait(this.#writers, (waiter: Waiter<void>) => ({ ...waiter, item }), signal);
  }

  /** The next item; `done` when the queue was closed and is empty. Rejects when it has failed or the signal aborts. */
  next(signal?: AbortSignal): Promise<IteratorResult<T, undefined>> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.size > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#end?.failed) return Promise.reject(this.#end.error);
    if (this.#end) return Promise.resolve({ done: true, value: undefined });
    return this.#wait(this.#readers, (waiter: Waiter<IteratorResult<T, undefined>>) => waiter, signal);
  }

  /** Nothing more is written: readers get what is there and then the end; waiting writers are refused. */
  close(): void {
    this.#finish({ error: undefined, failed: false });
  }

  /** Readers get what is there and then this error; writers get it at once. The first of close and fail counts. */
  fail(error: unknown): void {
    this.#finish({ error, failed: true });
  }

  /** Reads until the end. Leaving the loop early closes the queue, so that writers don't wait for a reader that left. */
  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    try {
      for (let result = await this.next(); !result.done; result = await this.next()) yield result.value;
    } finally {
      this.close();
    }
  }

  #fits(item: T): boolean {
    return this.size === 0 || this.#weight + this.#weigh(item) <= this.#capacity;
  }

  #put(item: T): void {
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ done: false, value: item });
      return;
    }
    this.#items.push(item);
    this.#weight += this.#weigh(item);
  }

  #take(): T {
    const item = this.#items[this.#head] as T;
    this.#head += 1;
    this.#weight -= this.#weigh(item);
    if (this.#head === this.#items.length || (this.#head >= 1024 && this.#head * 2 >= this.#items.length)) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.#admit();
    return item;
  }

  #admit(): void {
    for (let writer = this.#writers[0]; writer && this.#fits(writer.item); writer = this.#writers[0]) {
      this.#writers.shift();
      this.#put(writer.item);
      writer.resolve();
    }
  }

  #finish(end: { error: unknown; failed: boolean }): void {
    if (this.#end) return;
    this.#end = end;
    for (const writer of this.#writers.splice(0)) writer.reject(this.#refusal());
    for (const reader of this.#readers.splice(0)) {
      if (end.failed) reader.reject(end.error);
      else reader.resolve({ done: true, value: undefined });
    }
  }

  #refusal(): unknown {
    return this.#end?.failed ? this.#end.error : new KerneletError('CANCELLED', `the ${this.#name} is closed`);
  }

  #wait<Result, W extends Waiter<Result>>(
    line: W[],
    make: (waiter: Waiter<Result>) => W,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const settle = (): void => signal?.removeEventListener('abort', onAbort);
      const waiter = make({
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      });
      const onAbort = (): void => {
        line.splice(line.indexOf(waiter), 1);
        reject(signal?.reason);
        this.#admit();
      };
      line.push(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
