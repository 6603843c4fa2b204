/**
 * What has happened to kernels: the event sink of the standalone mode. The newest events are kept in memory for readers
 * and on disk over restarts, of no kernel more than its share when there is not room for all; their numbers go on for the life
 * of the state folder.
 *
 * A reader holds nothing but its position, so that a slow one costs nothing. One that is overtaken goes on with what is
 * still kept: the jump in the numbers shows it what it missed.
 */
import path from 'node:path';
import type { AppendCalls } from '../lib/appended-file.ts';
import type { Clock } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import type { KernelId, RunId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import type { StateWrites } from '../lib/state-writes.ts';
import { EventFile } from './event-file.ts';
import { nextNumber } from './event-numbers.ts';
import { keepFairly } from './fair-share.ts';
import type { EventSink, KernelEvent, NumberedKernelEvent, PublishedKernel } from './kernel-event.ts';

/** How to make a log. */
export interface EventLogOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Events kept in memory, and up to twice as many until the older ones are dropped together; 10,000 when absent. */
  readonly capacity?: number;
  /** Bytes of one of the two files; 4 MiB when absent. */
  readonly fileBytes?: number;
  /** In whose order events are written, among what else the state folder is told. */
  readonly writes: StateWrites;
  /** The system's own when absent. */
  readonly calls?: AppendCalls;
}

const defaultFileBytes = 4 * 1024 * 1024;
/** No event is shorter on disk: what is in a file that is full is synced, so that a crash of the machine loses no more than one. */
const leastLineBytes = 64;

/** How long a reader that follows nothing waits for events that are being written; it gets the others then. */
const writtenMs = 1_000;

/** The newest events of a state folder. Disposing it ends its readers. */
export class EventLog implements EventSink, AsyncDisposable {
  readonly #file: EventFile;
  readonly #writes: StateWrites;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #capacity: number;
  /** By their numbers, which grow, with jumps where events went. */
  #events: NumberedKernelEvent[];
  #last: number;
  /** Numbers of events that are on their way to the disk, in order: readers get what is before them. */
  readonly #unsettled = new Set<number>();
  readonly #waiting = new Set<() => void>();
  #unwritten = 0;
  #closed = false;
  /** Whether nothing more is shown. */
  #ended = false;

  /** Opens the log in its folder, which is made. Throws STATE_UNUSABLE. */
  static async open(folder: string, options: EventLogOptions): Promise<EventLog> {
    const log = new EventLog(folder, options);
    const { fileBytes = defaultFileBytes } = options;
    const unnoted = (error: unknown): void =>
      options.log.warn('the numbers of events may be given twice, should this machine crash', { error });
    log.#last = (await nextNumber(folder, log.#last, Math.ceil(fileBytes / leastLineBytes), unnoted)) - 1;
    return log;
  }

  private constructor(folder: string, options: EventLogOptions) {
    const { fileBytes: maxBytes = defaultFileBytes, writes, calls } = options;
    const onUnsynced = (error: unknown): void => {
      this.#unwritten += 1;
      this.#log.error('events may not be on the disk yet: they could not be synced', { error });
    };
    const known = (): readonly NumberedKernelEvent[] => this.#events;
    this.#file = new EventFile(folder, { maxBytes, writes, known, onUnsynced, ...(calls && { calls }) });
    this.#writes = options.writes;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#capacity = options.capacity ?? 10_000;
    this.#events = keepFairly(this.#file.loaded, this.#capacity);
    this.#last = this.#events.at(-1)?.sequence ?? 0;
  }

  /** The last number that was given, or is not to be given any more; 0 when none was. */
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
    this.#events.push(numbered);
    // Dropped in batches: the cost of an event stays the same whatever is kept.
    if (this.#events.length >= this.#capacity * 2) this.#events = keepFairly(this.#events, this.#capacity);
    void this.#write(numbered);
  }

  hasEnded(kernel: KernelId): boolean {
    const last = this.#events.findLast(({ event }) => event.kernelId === kernel && event.type.startsWith('kernel-'));
    return last?.event.type === 'kernel-terminated';
  }

  hasToldEnd({ spec, createdAt }: PublishedKernel): boolean {
    const end = this.#events.findLast(({ event }) => event.type === 'kernel-terminated' && event.kernelId === spec.id);
    return end !== undefined && end.at >= createdAt;
  }

  forget(): void {}

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
    if (!follow) await raceWithSignal(this.#writes.settled(writtenMs), signal);
    for (;;) {
      signal.throwIfAborted();
      const next = this.#firstAbove(position);
      if (next && next.sequence <= this.#shown()) {
        position = next.sequence;
        yield next;
      } else if (follow && !this.#ended) {
        await this.#nextEvent(signal);
      } else {
        return;
      }
    }
  }

  /** Ends all readers and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#file[Symbol.asyncDispose]();
    this.#ended = true;
    this.#wake();
  }

  async #write(event: NumberedKernelEvent): Promise<void> {
    const { sequence } = event;
    this.#unsettled.add(sequence);
    try {
      // The record of its kernel goes after it, and with that the last that could tell of the end.
      await this.#file.append(event, { synced: event.event.type === 'kernel-terminated' });
    } catch (error) {
      this.#unwritten += 1;
      // Once per row of failures would need the disk's recovery to be noticed; each event is rare enough to say so.
      this.#log.error('an event could not be written to the event log', { sequence, error });
    }
    this.#unsettled.delete(sequence);
    this.#wake();
  }

  /** The number of the newest event that readers get: no other is given its number, whenever this process ends. */
  #shown(): number {
    const [first] = this.#unsettled;
    return first === undefined ? this.#last : first - 1;
  }

  /** Binary search: numbers grow, with jumps where lines were lost. */
  #firstAbove(position: number): NumberedKernelEvent | undefined {
    let low = 0;
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
export async function openEventLog(
  state: { readonly path: string; readonly writes: StateWrites },
  clock: Clock,
  log: Logger,
): Promise<EventLog> {
  return await EventLog.open(path.join(state.path, 'events'), { clock, log, writes: state.writes });
}
