/**
 * The numbered events of one run, kept until their consumer has them, and a while longer for one that comes back; or the newest
 * of them, for any number of consumers. Pure: it holds and counts; blocking the program is its owner's affair.
 */
import { maxBodyBytes } from '../protocol/frame.ts';
import { headerLength, type NumberedRunEvent, type RunEvent } from '../protocol/run-event.ts';

/** What an event costs besides its bytes, so that a flood of empty events is bounded too. */
const eventCostBytes = 128;
/** Acknowledged bytes that are kept for a reader that comes back. */
const keptTailBytes = 1024 * 1024;
const nothing = new Uint8Array(0);

interface Entry {
  readonly event: RunEvent;
  readonly pieces: Uint8Array[];
  size: number;
  /** Once an event was handed out its content stands. */
  handedOut: boolean;
}

/** The buffer. Numbers begin at 1. */
export class ReplayBuffer {
  readonly #limitBytes: number;
  readonly #keeps: 'unread' | 'newest';
  #entries: Entry[] = [];
  /** The number of the first entry. */
  #oldest = 1;
  #acknowledged = 0;
  #unacknowledgedBytes = 0;
  #acknowledgedBytes = 0;
  /** Bytes of output in the events that are gone. */
  #droppedBytes = 0;

  /** `newest`: nothing is waited for, and of what is more than the limit the oldest goes. */
  constructor(limitBytes: number, keeps: 'unread' | 'newest' = 'unread') {
    this.#limitBytes = limitBytes;
    this.#keeps = keeps;
  }

  /** The number of the newest event; 0 = none yet. */
  get last(): number {
    return this.#oldest + this.#entries.length - 1;
  }

  /** The number of the oldest event that is still here; above `last` when none is. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Bytes that nobody has acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#unacknowledgedBytes;
  }

  /** Bytes of all events that are kept, acknowledged or not. */
  get heldBytes(): number {
    return this.#unacknowledgedBytes + this.#acknowledgedBytes;
  }

  /** What is dropped is dropped piece by piece. */
  get #largestBody(): number {
    return this.#keeps === 'unread' ? maxBodyBytes : this.#limitBytes / 16;
  }

  /** Whether something other than output, which waits, goes on filling it. */
  get overfull(): boolean {
    return this.#unacknowledgedBytes >= 2 * this.#limitBytes;
  }

  /** Adds an event. Output joins the newest event of the same stream as long as nobody was given that one. */
  append(event: RunEvent, body: Uint8Array): void {
    const newest = this.#entries.at(-1);
    const size = body.length + headerLength(event);
    const joins =
      newest !== undefined &&
      !newest.handedOut &&
      (event.kind === 'stdout' || event.kind === 'stderr') &&
      newest.event.kind === event.kind &&
      newest.size + body.length <= this.#largestBody;
    if (joins) {
      newest.pieces.push(body);
      newest.size += body.length;
      // Many tiny pieces cost more as objects than as bytes.
      if (newest.pieces.length >= 64) newest.pieces.splice(0, newest.pieces.length, Buffer.concat(newest.pieces));
      this.#count(body.length);
      return;
    }
    this.#entries.push({ event, pieces: body.length === 0 ? [] : [body], size, handedOut: false });
    this.#count(size + eventCostBytes);
  }

  /** The event behind the one with the number `after`, or what stands for those that are gone; null when there is none. */
  next(after: number): NumberedRunEvent | null {
    const n = after + 1;
    if (n < this.#oldest) {
      return { n: this.#oldest - 1, event: { kind: 'dropped', upTo: this.#droppedBytes }, body: nothing };
    }
    const entry = this.#entries[n - this.#oldest];
    if (!entry) return null;
    entry.handedOut = true;
    if (entry.pieces.length > 1) entry.pieces.splice(0, entry.pieces.length, Buffer.concat(entry.pieces));
    return { n, event: entry.event, body: entry.pieces[0] ?? nothing };
  }

  /** There is so much more. */
  #count(bytes: number): void {
    if (this.#keeps === 'unread') {
      this.#unacknowledgedBytes += bytes;
      return;
    }
    this.#acknowledged = this.last;
    this.#acknowledgedBytes += bytes;
    this.trim(this.#limitBytes);
  }

  /** The consumer has everything up to `n`. Numbers from the past or the future count as far as they make sense. */
  acknowledge(n: number): void {
    if (this.#keeps === 'newest') return;
    const end = Math.min(n, this.last);
    while (this.#acknowledged < end) {
      this.#acknowledged += 1;
      const entry = this.#entries[this.#acknowledged - this.#oldest];
      if (!entry) break;
      entry.handedOut = true;
      const cost = entry.size + eventCostBytes;
      this.#unacknowledgedBytes -= cost;
      this.#acknowledgedBytes += cost;
    }
    this.trim(keptTailBytes);
  }

  /** Drops the oldest acknowledged events as long as at least this many bytes of them stay. */
  trim(keepBytes: number): void {
    let drop = 0;
    while (this.#oldest + drop <= this.#acknowledged) {
      const cost = (this.#entries[drop]?.size ?? 0) + eventCostBytes;
      if (this.#acknowledgedBytes - cost < keepBytes) break;
      this.#acknowledgedBytes -= cost;
      for (const { length } of this.#entries[drop]?.pieces ?? []) this.#droppedBytes += length;
      drop += 1;
    }
    if (drop === 0) return;
    this.#entries.splice(0, drop);
    this.#oldest += drop;
  }
}
