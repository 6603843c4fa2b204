/** The event stream of the dummy engine: every subscriber has a bounded queue of its own. */
import { addAbortListener } from 'node:events';
import type { EngineEvent } from '../engine.ts';

/** A subscriber that falls this many events behind is cut off and reconnected, as a real engine does. */
const queueLimit = 10_000;

/** The queue of one reader, of 10,000 events at most. */
export class EventReader {
  #queue: EngineEvent[];
  #wake = (): void => {};

  /** `first`: what it is told before all else. */
  constructor(first: EngineEvent) {
    this.#queue = [first];
  }

  /** Hands it an event, or, when it has fallen too far behind, nothing of what it has not read. */
  push(event: EngineEvent): void {
    if (this.#queue.length >= queueLimit) this.disconnect('the reader fell too far behind');
    else this.#queue.push(event);
    this.#wake();
  }

  /** Breaks its connection: what it has not read is lost, and `connected` makes it list and compare again. */
  disconnect(error: string): void {
    this.#queue = [{ type: 'disconnected', error }, { type: 'connected' }];
    this.#wake();
  }

  /** What it is handed, until the signal aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined> {
    using _listener = addAbortListener(signal, () => this.#wake());
    while (!signal.aborted) {
      const event = this.#queue.shift();
      if (event) yield event;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Hands events to every reader. */
export class DummyEvents {
  readonly #readers = new Set<EventReader>();

  /** How many readers there are now. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Gives an event to every reader. */
  emit(event: EngineEvent): void {
    for (const reader of this.#readers) reader.push(event);
  }

  /** Breaks the connection of every reader. */
  disconnect(error: string): void {
    for (const reader of this.#readers) reader.disconnect(error);
  }

  /** The stream of one reader, from now until its signal aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined> {
    const reader = new EventReader({ type: 'connected' });
    this.#readers.add(reader);
    try {
      yield* reader.read(signal);
    } finally {
      this.#readers.delete(reader);
    }
  }
}
