/**
 * The readers of a runner's runs. Each is attached to its run on every connection anew, above the last event that has
 * arrived, so that it sees every event once and in order whatever happens to connections.
 *
 *   waiting ──connected──▶ attached ──too much unread──▶ parked ──read──▶ settling ──▶ attached
 *      ▲                      │
 *      └─────disconnected─────┘
 *
 * A run that was attached on this connection before is attached again only after a barrier: events of the earlier
 * attachment may still be on their way, and would be taken for those of the new one. A run that waits for no reader has any
 * number of them, each with a number of its own for each attachment, by which its events are told apart.
 */
import type { Clock, Timer } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { AgentFrameHeader } from '../protocol/agent-frames.ts';
import { FrameError } from '../protocol/frame.ts';
import { type RunDescription, undescribed } from '../protocol/run-description.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import type { RunIndex } from './run-index.ts';
import { RunStream } from './run-stream.ts';
import { type KernelEnd, runNotFound } from './runner-errors.ts';

/** The connection as the readers need it. */
export interface RunLink {
  send(header: AgentFrameHeader): void;
  /** Resolves when the runner has seen everything that was sent before; rejects when the connection breaks first. */
  barrier(): Promise<unknown>;
  /** Resolves when the runner reads what is sent to it. */
  drained(): Promise<void>;
}

interface Reader {
  readonly stream: RunStream;
  /** By which the runner knows one of several readers; 0: it is the one that its run has. */
  number: number;
  state: 'waiting' | 'settling' | 'attached' | 'parked';
  /** Whether an event has come since it was opened: from then on the numbers must follow each other. */
  begun: boolean;
  guard: Timer | null;
}

/** Why nothing more will come. */
type Over = { readonly end: KernelEnd } | { readonly error: KerneletError };

/** Readers of all runs: fewer than a runner attaches. */
const maxReaders = 448;
/** Unread bytes of one reader at which the runner is asked to stop, and at which it is asked to go on. */
const parkAtBytes = 1024 * 1024;
const unparkAtBytes = 256 * 1024;
/** Runs remembered as attached before those go that the index has forgotten; more than the index holds. */
const maxTouched = 4096;
/** So many runs stay over for later readers too, until the runner says how they ended. */
const maxExpired = 1024;
/** How long the first event of a finished run may take. */
const finishedRunTimeoutMs = 10_000;

/** All readers of one runner: one a run, or several of one that waits for none. */
export class RunReaders {
  readonly #index: RunIndex;
  readonly #clock: Clock;
  /** In the order in which they came. */
  readonly #readers = new Set<Reader>();
  /** Those that are the only ones of their runs. */
  readonly #only = new Map<RunId, Reader>();
  /** The others that are attached, by their numbers. */
  readonly #numbered = new Map<number, Reader>();
  #lastNumber = 0;
  /** Runs whose acceptance is under way. */
  readonly #expected = new Map<RunId, RunDescription>();
  /** Acknowledgements to be sent, gathered over one turn of the event loop. */
  readonly #acknowledgements = new Map<RunId, number>();
  #flushing = false;
  #link: RunLink | null = null;
  /** Runs that this link was attached to. */
  #touched = new Set<RunId>();
  #over: Over | null = null;
  /** Why readers are not to wait. */
  #refusal: KerneletError | null = null;
  /** Runs that are over for their readers, whatever the runner says. */
  readonly #expired = new Set<RunId>();
  #orphanedEvents = 0;

  constructor(index: RunIndex, clock: Clock) {
    this.#index = index;
    this.#clock = clock;
  }

  /** Events that no reader waited for: of a reader that has left, or sent twice. */
  get orphanedEvents(): number {
    return this.#orphanedEvents;
  }

  /** Runs that this connection is remembered to have been attached to: bounded, however many runs there are. */
  get touchedRuns(): number {
    return this.#touched.size;
  }

  /** How many readers there are. */
  get size(): number {
    return this.#readers.size;
  }

  /** A new reader of a run; an older one of a run that has one ends with CANCELLED. Fails with OVERLOADED. */
  open(run: RunId, after: number, signal: AbortSignal): RunStream {
    const stream = new RunStream(run, after, signal, {
      consumed: () => this.#consumed(reader),
      closed: () => this.#closed(reader),
    });
    const reader: Reader = { stream, number: 0, state: 'waiting', begun: false, guard: null };
    const isTooMuch = this.#readers.size >= maxReaders;
    this.#readers.add(reader);
    if (signal.aborted) stream.fail(signal.reason, { dropQueue: true });
    else if (isTooMuch) stream.fail(tooManyReaders(), { dropQueue: true });
    else this.#begin(reader);
    return stream;
  }

  #begin(reader: Reader): void {
    const { stream } = reader;
    if (this.#isKnown(stream.run)) this.#claim(reader);
    if (this.#expired.has(stream.run)) this.#expire(stream);
    else if (this.#over) this.#conclude(reader, this.#over);
    else if (this.#refusal) stream.fail(this.#refusal, { dropQueue: false });
    else this.#attach(reader);
  }

  /** Whether it can be said how many readers a run has: not before its runner has been heard. */
  #isKnown(run: RunId): boolean {
    return this.#link !== null || this.#expected.has(run) || this.#index.get(run) !== undefined;
  }

  /** A run has one reader, the newest, unless it waits for none. */
  #claim(reader: Reader): void {
    const { run } = reader.stream;
    const { output } = this.#index.get(run) ?? this.#expected.get(run) ?? undescribed;
    const other = this.#only.get(run);
    if (output === 'newest' || other === reader) return;
    other?.stream.fail(new KerneletError('CANCELLED', `another reader has taken over run ${run}`), { dropQueue: true });
    this.#only.set(run, reader);
  }

  /** A run is being started: readers may come before it is known. */
  expect(run: RunId, description: RunDescription): void {
    this.#expected.set(run, description);
  }

  /** The start of a run was answered. */
  expected(run: RunId, accepted: boolean): void {
    const description = this.#expected.get(run) ?? undescribed;
    this.#expected.delete(run);
    if (accepted) {
      this.#index.accepted(run, description);
      this.#expired.delete(run);
    }
    for (const reader of this.#of(run)) if (reader.state === 'waiting') this.#attach(reader);
  }

  /**
   * Takes an event off the wire, for the reader of this number; whether it waited for it. Throws FrameError when events are missing
   * before it, unless it says so itself.
   */
  deliver(run: RunId, event: NumberedRunEvent, number = 0): boolean {
    const reader = number === 0 ? this.#only.get(run) : this.#numbered.get(number);
    const stream = reader?.stream;
    const isDue = reader?.state === 'attached' && stream?.run === run && !stream.isSealed;
    if (!isDue || event.n <= stream.received) {
      this.#orphanedEvents += 1;
      return false;
    }
    if (event.n !== stream.received + 1 && reader.begun && event.event.kind !== 'dropped') {
      throw new FrameError(`event ${event.n} of run ${run} follows event ${stream.received}`);
    }
    reader.begun = true;
    this.#index.received(run, event);
    stream.push(event);
    if (stream.bufferedBytes > parkAtBytes && !stream.isSealed) {
      reader.state = 'parked';
      this.#detach(reader);
    }
    return true;
  }

  /** The runner says that a run has ended with event `last`. */
  finished(run: RunId, last: number): void {
    for (const { stream } of this.#of(run)) if (!stream.isSealed && stream.received >= last) stream.end();
  }

  /** The time of a run is over, and the runner does not say so: a reader gets what has arrived and then that end. */
  expire(run: RunId): void {
    this.#expired.add(run);
    const [oldest] = this.#expired;
    if (this.#expired.size > maxExpired && oldest) this.#expired.delete(oldest);
    for (const { stream } of this.#of(run)) if (!stream.isSealed) this.#expire(stream);
  }

  /** The runner itself has said how the run ended. */
  unexpire(run: RunId): void {
    this.#expired.delete(run);
  }

  /** Runs that are over for their readers alone, as far as is known. */
  expired(): readonly RunId[] {
    return [...this.#expired];
  }

  /** Readers get what has arrived and then this error, those that come too; null: they may wait again. */
  refuse(error: KerneletError | null): void {
    this.#refusal = error;
    if (!error) return;
    for (const { stream } of [...this.#readers]) stream.fail(error, { dropQueue: false });
  }

  /** There is a connection, and the index is up to date. */
  connected(link: RunLink): void {
    this.#link = link;
    this.#touched = new Set();
    for (const reader of [...this.#readers]) this.#attach(reader);
    this.#flush();
  }

  /** The connection is gone: readers wait for the next one. */
  disconnected(): void {
    this.#link = null;
    this.#numbered.clear();
    for (const reader of this.#readers) reader.state = 'waiting';
  }

  /** The kernel has ended: readers get what has arrived and then a `finished` that says so. */
  ended(end: KernelEnd): void {
    this.#stop({ end });
  }

  /** Readers get what has arrived and then this error. */
  fail(error: KerneletError): void {
    this.#stop({ error });
  }

  #stop(over: Over): void {
    if (this.#over) return;
    this.#over = over;
    this.#link = null;
    for (const reader of [...this.#readers]) this.#conclude(reader, over);
  }

  #expire(stream: RunStream): void {
    const event = { kind: 'finished', ...timeLimitEnd } as const;
    stream.push({ n: stream.received + 1, event, body: new Uint8Array(0) });
  }

  #conclude({ stream }: Reader, over: Over): void {
    if (stream.isSealed) return;
    const { run } = stream;
    if (this.#hasAll(stream)) {
      stream.end();
    } else if ('error' in over) {
      stream.fail(over.error, { dropQueue: false });
    } else if (!this.#index.get(run) && !this.#expected.has(run)) {
      stream.fail(runNotFound(run), { dropQueue: false });
    } else {
      const exitCode = exitCodeOf(over.end.exitCode);
      const event = { kind: 'finished', exitCode, reason: 'kernel-ended' } as const;
      stream.push({ n: stream.received + 1, event, body: new Uint8Array(0) });
    }
  }

  /** Whether the run is over and the reader began, or came, at its end. */
  #hasAll(stream: RunStream): boolean {
    const summary = this.#index.get(stream.run);
    return summary?.phase === 'finished' && stream.received >= summary.last;
  }

  #attach(reader: Reader): void {
    const { stream } = reader;
    const { run } = stream;
    if (!this.#link || stream.isSealed) return;
    const summary = this.#index.get(run);
    if (!summary && this.#expected.has(run)) return;
    this.#claim(reader);
    // What the reader has is acknowledged again: the runner may have missed it, and waits for it when it is full.
    const isOnly = this.#only.get(run) === reader;
    if (isOnly && summary && stream.consumed > 0 && stream.consumed <= summary.last)
      this.#acknowledge(run, stream.consumed);
    if (this.#hasAll(stream)) stream.end();
    else if (!summary || this.#index.isGone(run)) stream.fail(runNotFound(run), { dropQueue: false });
    else if (!isOnly) this.#attachNumbered(reader, this.#link);
    else if (this.#touched.has(run)) this.#settle(reader, this.#link);
    else this.#sendAttach(reader, this.#link);
  }

  #settle(reader: Reader, link: RunLink): void {
    reader.state = 'settling';
    link.barrier().then(
      () => {
        const current = this.#link === link && this.#only.get(reader.stream.run) === reader;
        if (current && reader.state === 'settling') this.#sendAttach(reader, link);
      },
      () => {}, // The connection broke: the next one attaches.
    );
  }

  #sendAttach(reader: Reader, link: RunLink): void {
    const { run, received } = reader.stream;
    this.#touched.add(run);
    if (this.#touched.size > maxTouched) this.#dropForgotten();
    reader.state = 'attached';
    link.send({ t: 'attach', run, after: received });
    if (this.#index.get(run)?.phase === 'finished') this.#guard(reader);
  }

  /** One of several: its number is new, so that events of its earlier attachment are not taken for those of this one. */
  #attachNumbered(reader: Reader, link: RunLink): void {
    const { run, received } = reader.stream;
    this.#lastNumber += 1;
    reader.number = this.#lastNumber;
    this.#numbered.set(reader.number, reader);
    reader.state = 'attached';
    link.send({ t: 'attach', run, after: received, reader: reader.number });
    if (this.#index.get(run)?.phase === 'finished') this.#guard(reader);
  }

  #detach({ stream: { run }, number }: Reader): void {
    this.#numbered.delete(number);
    this.#link?.send(number === 0 ? { t: 'detach', run } : { t: 'detach', run, reader: number });
  }

  #of(run: RunId): Reader[] {
    return [...this.#readers].filter(({ stream }) => stream.run === run);
  }

  #dropForgotten(): void {
    for (const run of this.#touched) if (!this.#index.get(run)) this.#touched.delete(run);
  }

  /**
   * A runner drops finished runs after a while and says nothing; what it still has of one it sends at once. So a reader
   * that gets nothing is told that the run is gone.
   */
  #guard(reader: Reader): void {
    const { run, received } = reader.stream;
    reader.guard?.[Symbol.dispose]();
    reader.guard = this.#clock.after(finishedRunTimeoutMs, () => {
      if (reader.stream.received !== received || reader.stream.isSealed || reader.state !== 'attached') return;
      this.#index.gone(run);
      reader.stream.fail(runNotFound(run), { dropQueue: false });
    });
    reader.guard.unref();
  }

  #consumed(reader: Reader): void {
    const { stream } = reader;
    if (this.#only.get(stream.run) === reader) this.#acknowledge(stream.run, stream.consumed);
    if (reader.state === 'parked' && stream.bufferedBytes < unparkAtBytes) this.#attach(reader);
  }

  #closed(reader: Reader): void {
    const { run } = reader.stream;
    reader.guard?.[Symbol.dispose]();
    this.#readers.delete(reader);
    const isReplaced = reader.number === 0 && this.#only.get(run) !== reader;
    if (this.#only.get(run) === reader) this.#only.delete(run);
    if (reader.state === 'attached' && !isReplaced) this.#detach(reader);
  }

  #acknowledge(run: RunId, n: number): void {
    if (this.#over) return;
    this.#acknowledgements.set(run, n);
    if (this.#flushing || !this.#link) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const link = this.#link;
    if (!link || this.#flushing) return;
    for (const [run, n] of this.#acknowledgements) link.send({ t: 'ack', run, n });
    this.#acknowledgements.clear();
    this.#flushing = true;
    void link.drained().then(() => {
      this.#flushing = false;
      if (this.#acknowledgements.size > 0) this.#flush();
    });
  }
}

const tooManyReaders = (): KerneletError =>
  new KerneletError('OVERLOADED', `${maxReaders} readers follow the runs of this kernel already`);

/** How a run ended whose time was over. */
export const timeLimitEnd = { exitCode: -9, reason: 'time-limit' } as const;

/** A container's exit code as that of a run in it: −N for signal N; a runner that ended well took its runs with it. */
export function exitCodeOf(exitCode: number): number {
  if (exitCode === 0) return -9;
  return exitCode > 128 && exitCode < 193 ? 128 - exitCode : exitCode;
}
