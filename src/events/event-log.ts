/**
 * What has happened to kernels: the event sink of the standalone mode. The newest events are kept in memory for readers
 * and on disk over restarts; their numbers go on for the life of the state folder.
 *
 * A reader holds nothing but its position, so that a slow one costs nothing. One that is overtaken goes on with what is
 * still kept: the jump in the numbers shows it what it missed.
 */
import path from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import type { KernelId, RunId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { EventFile } from './event-file.ts';
import type { EventSink, KernelEvent, NumberedKernelEvent } from './kernel-event.ts';

/** How to make a log. */
export interface EventLogOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Events kept in memory; 10,000 when absent. */
  readonly capacity?: number;
  /** Bytes of one of the two files; 4 MiB when absent. */
  readonly fileBytes?: number;
}

/** The newest events of a state folder. Disposing it ends its readers. */
export class EventLog implements EventSink, Disposable {
  readonly #file: EventFile;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #capacity: number;
  /** In order; more than `capacity` only for a moment. */
  #events: NumberedKernelEvent[];
  #last: number;
  readonly #waiting = new Set<() => void>();
  #unwritten = 0;
  #closed = false;

  /** Opens the log in its folder, which is made. Throws STATE_UNUSABLE. */
  static async open(folder: string, options: EventLogOptions): Promise<EventLog> {
    return new EventLog(new EventFile(folder, options.fileBytes ?? 4 * 1024 * 1024), options);
  }

  private constructor(file: EventFile, options: EventLogOptions) {
    this.#file = file;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#capacity = options.capacity ?? 10_000;
    this.#events = file.loaded.slice(-this.#capacity);
    this.#last = this.#events.at(-1)?.sequence ?? 0;
  }

  /** The number of the newest event; 0 when there is none. */
  get lastSequence(): number {
    return this.#last;
  }

  /** Events that the disk did not take; readers of this process got them. */
  get unwritten(): number {
    return this.#unwritten;
  }

  publish(event: KernelEvent): void {
    if (this.#closed) return;
    this.#last += 1;
    const numbered = { sequence: this.#last, at: this.#clock.now(), event };
    try {
      this.#file.append(numbered);
    } catch (error) {
      this.#unwritten += 1;
      // Once per row of failures would need the disk's recovery to be noticed; each event is rare enough to say so.
      this.#log.error('an event could not be written to the event log', { sequence: this.#last, error });
    }
    this.#events.push(numbered);
    // Dropped in batches: the cost of an event stays the same whatever is kept.
    if (this.#events.length >= this.#capacity * 2) this.#events = this.#events.slice(-this.#capacity);
    this.#wake();
  }

  hasEnded(kernel: KernelId): boolean {
    const last = this.#events.findLast(({ event }) => event.kernelId === kernel && event.type.startsWith('kernel-'));
    return last?.event.type === 'kernel-terminated';
  }

  hasFinished(kernel: KernelId, run: RunId): boolean {
    return this.#events.some(
      ({ event }) => event.type === 'execution-finished' && event.runId === run && event.kernelId === kernel,
    );
  }

  /**
   * The kept events with a number above `after`, then, with `follow`, those that come. It ends when the log is closed,
   * and rejects with the signal's reason.
   */
  async *read(
    { after, follow }: { readonly after: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<NumberedKernelEvent, void> {
    let position = after;
    for (;;) {
      signal.throwIfAborted();
      const next = this.#firstAbove(position);
      if (next) {
        position = next.sequence;
        yield next;
      } else if (follow && !this.#closed) {
        await this.#nextEvent(signal);
      } else {
        return;
      }
    }
  }

  /** Ends all readers and closes the file. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#file[Symbol.dispose]();
    this.#wake();
  }

  /** Binary search: numbers grow, with jumps where lines were lost. */
  #firstAbove(position: number): NumberedKernelEvent | undefined {
    let low = Math.max(0, this.#events.length - this.#capacity);
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.sequence ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return this.#events[low];
  }

  async #nextEvent(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    try {
      await raceWithSignal(promise, signal);
    } finally {
      this.#waiting.delete(resolve);
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** The log of what has happened to the kernels of a state folder. Throws STATE_UNUSABLE. */
export async function openEventLog(state: { readonly path: string }, clock: Clock, log: Logger): Promise<EventLog> {
  return await EventLog.open(path.join(state.path, 'events'), { clock, log });
}
