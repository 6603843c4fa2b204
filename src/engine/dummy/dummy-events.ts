/** The event stream of the dummy engine: every subscriber has a bounded queue of its own. */
import { addAbortListener } from 'node:events';
import type { EngineEvent } from '../engine.ts';

/** A subscriber that falls this many events behind is cut off and reconnected, as a real engine does. */
const queueLimit = 10_000;

interface Subscriber {
  queue: EngineEvent[];
  wake: () => void;
}

/** Hands events to every reader. */
export class DummyEvents {
  readonly #subscribers = new Set<Subscriber>();

  /** How many readers there are now. */
  get readers(): number {
    return this.#subscribers.size;
  }

  /** Gives an event to every reader. */
  emit(event: EngineEvent): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.queue.length >= queueLimit) subscriber.queue = lost('the reader fell too far behind');
      else subscriber.queue.push(event);
      subscriber.wake();
    }
  }

  /** Breaks every reader's connection: what it has not read is lost, and `connected` makes it list and compare again. */
  disconnect(error: string): void {
    for (const subscriber of this.#subscribers) {
      subscriber.queue = lost(error);
      subscriber.wake();
    }
  }

  /** The stream of one reader, from now until its signal aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined> {
    const subscriber: Subscriber = { queue: [{ type: 'connected' }], wake: () => {} };
    using _listener = addAbortListener(signal, () => subscriber.wake());
    this.#subscribers.add(subscriber);
    try {
      while (!signal.aborted) {
        const event = subscriber.queue.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => (subscriber.wake = resolve));
      }
    } finally {
      this.#subscribers.delete(subscriber);
    }
  }
}

function lost(error: string): EngineEvent[] {
  return [{ type: 'disconnected', error }, { type: 'connected' }];
}
