/** Those who are told what a client of a runner sees. */
import type { Logger } from '../lib/log.ts';
import type { RunnerClientEvent } from './runner-client.ts';

/** Tells each event to all; one that throws is logged, and keeps it from nobody else. */
export class Subscribers {
  readonly #listeners = new Set<(event: RunnerClientEvent) => void>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Disposing what it gives ends the subscription. */
  add(listener: (event: RunnerClientEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Also those that are added or removed meanwhile are told, or not, of the next event alone. */
  publish(event: RunnerClientEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (thrown) {
        this.#log.error('a listener of a runner failed', { error: thrown });
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
