/**
 * The outbox: events that must arrive, each once and in order, whatever happens to this process or to the server
 * meanwhile. They are on disk before anybody else knows of them, numbered, and leave when the server has said that it
 * has them. Taking one waits for nothing; while the disk hangs, they wait for it. Heartbeats and statistics never pass here.
 */

import { type Clock, sleep } from '../../lib/clock.ts';
import { raceWithSignal } from '../../lib/deadline.ts';
import type { Logger } from '../../lib/log.ts';
import { retry } from '../../lib/retry.ts';
import type { AppendResult, EncodedEvent, SequencedBatch } from '../redis/event-stream.ts';
import { outboxBackoff } from '../redis/retry.ts';
import { newSeries, type OutboxContent, type OutboxEntry, OutboxFile, type OutboxFileOptions } from './outbox-file.ts';

/** Where events go: appends what it doesn't have yet and tells how far it is. */
export interface OutboxTarget {
  append(batch: SequencedBatch): Promise<AppendResult>;
}

/** How to make an outbox. */
export interface OutboxOptions {
  readonly target: OutboxTarget;
  readonly clock: Clock;
  readonly log: Logger;
  /** Events that wait at most; 50,000 when absent. The oldest goes when another comes. */
  readonly maxEvents?: number;
  /** Bytes that they have at most; 64 MiB when absent. */
  readonly maxBytes?: number;
  /** In whose order it is written, among what else the state folder is told. */
  readonly writes: OutboxFileOptions['writes'];
  /** The system's own when absent. */
  readonly calls?: OutboxFileOptions['calls'];
}

/** Managers trim the stream to some hundred entries: what comes in larger heaps, some of them never see. */
const batchEvents = 64;
const batchBytes = 1024 * 1024;
const pauseMs = 50;
/** A name is held until the record of its kernel is gone: more than a few are where many records cannot be removed. */
const maxNames = 10_000;

/** The outbox of one agent. */
export class Outbox implements AsyncDisposable {
  readonly #file: OutboxFile;
  readonly #target: OutboxTarget;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #series: string;
  #next: number;
  #pending: OutboxEntry[];
  readonly #names: Set<string>;
  /** Numbers of events that are on their way to the disk; none of them is sent. */
  readonly #unsettled = new Set<number>();
  #bytes = 0;
  #dropped = 0;
  #unwritten = 0;
  #change = Promise.withResolvers<void>();
  /** The first number that the server may have of events which the file does not remember. */
  readonly #doubtful: number;
  /** Whether the server's number has been compared with ours. */
  #compared = false;
  /** Writes down what came of that; null: there is nothing to be written. */
  #unnoted: (() => Promise<void>) | null = null;

  /** Opens the outbox in a file. Throws STATE_UNUSABLE. */
  constructor(path: string, options: OutboxOptions) {
    const { writes, calls } = options;
    const onUnsynced = (error: unknown): void => {
      this.#unwritten += 1;
      this.#log.error('events may not be on the disk yet: they could not be synced', { error });
    };
    this.#file = new OutboxFile(path, { writes, onUnsynced, ...(calls && { calls }) });
    this.#target = options.target;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxEvents = options.maxEvents ?? 50_000;
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    const { series, next, doubtful, pending, names } = this.#file.loaded;
    this.#doubtful = doubtful ?? next;
    this.#series = series;
    this.#next = next;
    this.#pending = [...pending];
    this.#names = new Set(names);
    this.#bytes = pending.reduce((sum, entry) => sum + weight(entry), 0);
    if (this.#file.setAside) {
      this.#log.error('the outbox could not be read: what it held is not sent', { setAside: this.#file.setAside });
    }
  }

  /** Events that the server has not acknowledged. */
  get size(): number {
    return this.#pending.length;
  }

  /** Events that were given up because too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Writes and syncs that failed; what they were of is sent unless this process ends first. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** Whether an event of this name was taken, by this process or an earlier one, and the name not freed since. */
  holds(name: string): boolean {
    return this.#names.has(name);
  }

  /** Lets an event of this name be taken again: that it was told is noted elsewhere. */
  free(name: string): void {
    if (!this.#names.delete(name)) return;
    void this.#attempt(this.#file.free(name), 'the outbox could not note that a name is free');
  }

  /**
   * Takes an event; its write is queued when this returns, before whatever the state folder is told from then on. With a
   * name only once: another of that name is dropped, so that who notes elsewhere that something was told may be killed in
   * between.
   */
  post(event: EncodedEvent, name: string | null = null): void {
    if (name !== null) {
      if (this.#names.has(name)) return;
      const [oldest] = this.#names;
      if (oldest !== undefined && this.#names.size >= maxNames) this.free(oldest);
      this.#names.add(name);
    }
    const entry = { sequence: this.#next, event };
    this.#next += 1;
    this.#pending.push(entry);
    this.#bytes += weight(entry);
    void this.#write(entry, name);
    this.#bound();
    this.#awaken();
  }

  /** Sends until the signal aborts; resolves then. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = outboxBackoff(this.#clock);
    const isRetryable = (error: unknown): boolean => {
      if (backoff.attempts === 0) this.#log.warn('events cannot be sent; they are kept', { waiting: this.size, error });
      return true;
    };
    try {
      for (;;) {
        const sent = await retry({ backoff, signal, isRetryable }, async () => {
          while (this.#batch().length === 0) await this.#changed(signal);
          await this.#compare();
          return await this.#deliver();
        });
        if (backoff.attempts > 0) this.#log.info('events are sent again', { waiting: this.size });
        backoff.reset();
        if (sent >= batchEvents) await sleep(this.#clock, pauseMs, signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  /** Resolves when nothing waits; rejects with the signal's reason. */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.size > 0) await this.#changed(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async #write(entry: OutboxEntry, name: string | null): Promise<void> {
    this.#unsettled.add(entry.sequence);
    await this.#attempt(this.#file.append(entry, name), 'an event could not be written to the outbox');
    this.#unsettled.delete(entry.sequence);
    this.#awaken();
  }

  /**
   * A server that has numbers of ours which the file doesn't remember got them from a process whose disk took nothing, or
   * from a file that is newer than this one. They would be given twice, so a new series begins. Asked once, before this
   * process sends anything: what it has posted itself is not there, nor what a process did that ended before it could ask.
   */
  async #compare(): Promise<void> {
    if (!this.#compared) {
      const first = this.#doubtful;
      const { last } = await this.#target.append({ series: this.#series, first, events: [] });
      this.#compared = true;
      this.#unnoted = () => this.#file.noteAsked();
      if (last >= first) {
        this.#log.warn('the server has events that the outbox does not remember; a new series of numbers begins');
        this.#series = newSeries().series;
        this.#keep((entry) => entry.sequence >= first);
        this.#unnoted = () => this.#file.replace(this.#content());
      }
    }
    // Before anything is sent, and tried again before the next: what the server gets now must not look like somebody else's to the next
    // process.
    if (this.#unnoted && (await this.#attempt(this.#unnoted(), 'the outbox could not be written')))
      this.#unnoted = null;
  }

  async #deliver(): Promise<number> {
    const batch = this.#batch();
    const [oldest] = batch;
    if (!oldest) return 0;
    const events = batch.map(({ event }) => event);
    const { last } = await this.#target.append({ series: this.#series, first: oldest.sequence, events });
    const delivered = Math.min(last, batch.at(-1)?.sequence ?? last);
    this.#acknowledge(delivered);
    return batch.length;
  }

  #batch(): readonly OutboxEntry[] {
    let bytes = 0;
    const end = this.#pending.findIndex((entry, index) => {
      bytes += weight(entry);
      // A number that is missing was of an event that the disk did not take.
      const gap = entry.sequence !== (this.#pending[0]?.sequence ?? 0) + index;
      if (this.#unsettled.has(entry.sequence)) return true;
      return index > 0 && (gap || index >= batchEvents || bytes > batchBytes);
    });
    return end < 0 ? [...this.#pending] : this.#pending.slice(0, end);
  }

  #acknowledge(sequence: number): void {
    this.#keep((entry) => entry.sequence > sequence);
    const noted = this.#file.acknowledge(sequence, () => this.#content());
    void this.#attempt(noted, 'the outbox could not note what was delivered');
    this.#awaken();
  }

  #bound(): void {
    if (this.#pending.length <= this.#maxEvents && this.#bytes <= this.#maxBytes) return;
    // A hundredth more than needed, so that a full outbox isn't tidied for every event.
    let over = 0;
    let bytes = this.#bytes;
    for (const entry of this.#pending.slice(0, -1)) {
      if (this.#pending.length - over <= this.#maxEvents * 0.99 && bytes <= this.#maxBytes * 0.99) break;
      bytes -= weight(entry);
      over += 1;
    }
    const last = this.#pending[over - 1];
    if (!last) return;
    if (this.#dropped === 0) this.#log.error('the outbox is full: its oldest events are given up');
    this.#dropped += over;
    this.#acknowledge(last.sequence);
  }

  #keep(stays: (entry: OutboxEntry) => boolean): void {
    this.#pending = this.#pending.filter(stays);
    this.#bytes = this.#pending.reduce((sum, entry) => sum + weight(entry), 0);
  }

  /** As it is now; what comes later changes nothing in it. */
  #content(): OutboxContent {
    const doubtful = this.#compared ? null : this.#doubtful;
    return { series: this.#series, next: this.#next, doubtful, pending: [...this.#pending], names: [...this.#names] };
  }

  /** The disk's refusals cost what they cost after a crash, and nothing before. */
  async #attempt(written: Promise<void>, message: string): Promise<boolean> {
    try {
      await written;
      return true;
    } catch (error) {
      this.#unwritten += 1;
      this.#log.error(message, { error });
      return false;
    }
  }

  /** Resolves when an event comes or leaves; rejects with the signal's reason. */
  #changed(signal: AbortSignal): Promise<void> {
    return raceWithSignal(this.#change.promise, signal);
  }

  #awaken(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

/** What an event takes: its arguments and a share for the rest. */
function weight({ event }: OutboxEntry): number {
  return event.args.length + 200;
}
