/** Callers that wait for an answer, by what they wait for: all of one kind are answered together. Bounded. */
import { KerneletError } from '../lib/errors.ts';

interface Waiter<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** Bound on the callers that wait for one answer. */
const maxWaiters = 1_000;

/** Callers that wait, at most 1000 of a kind. */
export class Waiters<Kind, Value> {
  readonly #waiting = new Map<Kind, Waiter<Value>[]>();
  #closed: Error | null = null;

  /** Waits for the next answer of this kind. Throws at once OVERLOADED when too many do, or what it was closed with. */
  wait(kind: Kind): Promise<Value> {
    if (this.#closed) throw this.#closed;
    const waiting = this.#waiting.get(kind) ?? [];
    if (waiting.length >= maxWaiters) {
      throw new KerneletError('OVERLOADED', `${maxWaiters} callers wait for this already`);
    }
    this.#waiting.set(kind, waiting);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  }

  /** Answers everybody who waits for this kind. */
  resolve(kind: Kind, value: Value): void {
    for (const waiter of this.#take(kind)) waiter.resolve(value);
  }

  /** Fails everybody who waits for this kind. */
  reject(kind: Kind, error: unknown): void {
    for (const waiter of this.#take(kind)) waiter.reject(error);
  }

  /** Fails everybody who waits or will wait: there are no more answers. */
  close(error: Error): void {
    this.#closed = error;
    for (const kind of [...this.#waiting.keys()]) this.reject(kind, error);
  }

  #take(kind: Kind): readonly Waiter<Value>[] {
    const waiting = this.#waiting.get(kind) ?? [];
    this.#waiting.delete(kind);
    return waiting;
  }
}
