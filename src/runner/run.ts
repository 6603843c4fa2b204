/** One execution as the runner knows it: where it stands, what it said, and how it is talked to while it runs. */
import type { Clock } from '../lib/clock.ts';
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { maxBodyBytes } from '../protocol/frame.ts';
import { describe, type ProgramUsage, type RunDescription } from '../protocol/run-description.ts';
import type { EndReason, RunEvent, RunPhase, RunSummary } from '../protocol/run-event.ts';
import type { TerminalSize } from '../protocol/terminal-size.ts';
import type { OutputRoom } from './output-room.ts';
import { ReplayBuffer } from './replay-buffer.ts';

/** A line of input that a program waits for. */
export interface Question {
  readonly prompt: string;
  readonly password: boolean;
  /** Takes the answer; null = the input has ended. */
  answer(text: string | null): void;
}

/** How a running run is talked to. */
export interface RunControl {
  /** Says whether there was something to interrupt. */
  interrupt(): boolean;
  /** Ends it with a signal, and by force a little later. */
  cancel(signal: NodeJS.Signals): void;
  /** Asks the caller for input on behalf of the program; questions are answered in order. Disposing withdraws one. */
  ask(question: Question): Disposable;
  /** Answers what it waits for, null by the end of the input; says whether it did wait. */
  input(text: string | null): boolean;
  /** Signals its process group; says whether there was one. */
  signal(name: NodeJS.Signals): boolean;
  /** The size of its terminal from now on; says whether it has one. */
  resize(size: TerminalSize): boolean;
  /** Gives the program input; resolves when it is taken, with whether the program can take more. */
  stdin(bytes: Uint8Array, eof: boolean): Promise<boolean>;
}

/** Bytes of its newest output that a run keeps which waits for no reader. */
const newestBytes = 1024 * 1024;

/** Is notified of the changes of runs. */
export interface RunObserver {
  /** The newest events are in the run's replay buffer. */
  eventsAdded(run: Run): void;
  phaseChanged(run: Run): void;
}

const nothing = new Uint8Array(0);

/** What a run needs beside its request. */
export interface RunOptions {
  readonly room: OutputRoom;
  readonly observer: RunObserver;
  readonly clock: Pick<Clock, 'now'>;
}

/** One run, from its request to its end and as long as its events are kept. */
export class Run {
  readonly id: RunId;
  readonly fingerprint: string;
  readonly replay: ReplayBuffer;
  readonly #description: RunDescription;
  readonly #observer: RunObserver;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #room: OutputRoom;
  #request: ExecuteRequest | null;
  #phase: RunPhase = 'queued';
  #exitCode: number | null = null;
  #reason: EndReason | null = null;
  #pid: number | null = null;
  #usage: ProgramUsage | null = null;
  #startedAt: number | null = null;
  #control: RunControl | null = null;
  #onSpace: { readonly callback: () => void; readonly inRoom: Disposable } | null = null;
  readonly #begun = Promise.withResolvers<void>();

  constructor(id: RunId, request: ExecuteRequest, options: RunOptions) {
    const { room, observer, clock } = options;
    this.id = id;
    this.fingerprint = fingerprint(request);
    this.#description = describe(request);
    this.replay = this.keepsNewest ? new ReplayBuffer(newestBytes, 'newest') : new ReplayBuffer(room.limitBytes);
    this.#clock = clock;
    this.#room = room;
    this.#request = request;
    this.#observer = observer;
  }

  /** By which it is known beside its id, if it is. */
  get name(): string | null {
    return this.#description.name;
  }

  /** Whether it waits for no reader, and keeps its newest output. */
  get keepsNewest(): boolean {
    return this.#description.output === 'newest';
  }

  get phase(): RunPhase {
    return this.#phase;
  }

  /** How it is talked to while it runs; else null. */
  get control(): RunControl | null {
    return this.#control;
  }

  /** Resolves when it runs or has ended without running. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** What was asked, until the run has ended. */
  get request(): ExecuteRequest | null {
    return this.#request;
  }

  summary(): RunSummary {
    return {
      ...this.#description,
      pid: this.#pid,
      startedAt: this.#startedAt,
      usage: this.#usage,
      run: this.id,
      phase: this.#phase,
      last: this.replay.last,
      oldest: this.replay.oldest,
      exitCode: this.#exitCode,
      reason: this.#reason,
    };
  }

  /** It runs from now on. */
  begin(control: RunControl): void {
    this.#control = control;
    this.#phase = 'running';
    this.#startedAt = this.#clock.now();
    this.#begun.resolve();
    this.emit({ kind: 'started' });
    this.#observer.phaseChanged(this);
  }

  /** Its program runs as this process, null: it has ended. */
  processChanged(pid: number | null): void {
    this.#pid = pid;
    if (pid !== null) this.#observer.phaseChanged(this);
  }

  /** A program of it has ended, and used that, beside what those before it have. */
  used({ cpuMs, peakBytes }: ProgramUsage): void {
    const before = this.#usage;
    const peaks = [before?.peakBytes, peakBytes].filter((bytes) => typeof bytes === 'number');
    this.#usage = { cpuMs: cpuMs + (before?.cpuMs ?? 0), peakBytes: peaks.length === 0 ? null : Math.max(...peaks) };
  }

  /** Adds an event. After the end nothing is added any more. */
  emit(event: RunEvent, body: Uint8Array = nothing): void {
    if (this.#phase === 'finished') return;
    this.#count(() => this.replay.append(event, body));
    this.#observer.eventsAdded(this);
  }

  /** Adds output; false = its reader is behind, and the program has to wait for `whenSpace`. */
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; at += maxBodyBytes) {
      this.emit({ kind: stream }, bytes.subarray(at, at + maxBodyBytes));
    }
    return !this.isFull;
  }

  /** Whether its program has to wait for its reader, or for those of other runs. */
  get isFull(): boolean {
    return this.#room.isFullFor(this.replay.unacknowledgedBytes);
  }

  /** Calls back each time that space comes free after a reader was behind. Null ends that. */
  whenSpace(callback: (() => void) | null): void {
    this.#onSpace?.inRoom[Symbol.dispose]();
    this.#onSpace = callback && { callback, inRoom: this.#room.whenSpace(callback) };
  }

  /** It waits for an answer. */
  waitForInput(prompt: string, password: boolean): void {
    this.emit({ kind: 'waiting-input', prompt, password });
    this.#changePhase('waiting-input');
  }

  /** The program goes on with its answer. */
  inputGiven(): void {
    if (this.#phase === 'waiting-input') this.#changePhase('running');
  }

  /** The consumer has every event up to `n`. */
  acknowledge(n: number): void {
    const wasFull = this.isFull;
    this.#count(() => this.replay.acknowledge(n));
    if (wasFull && !this.isFull) this.#onSpace?.callback();
  }

  /** Nothing of it is kept any more. */
  drop(): void {
    this.#room.changed(-this.replay.unacknowledgedBytes);
  }

  /** The end; the first one counts. */
  finish(exitCode: number, reason: EndReason): void {
    if (this.#phase === 'finished') return;
    this.emit({ kind: 'finished', exitCode, reason });
    this.#exitCode = exitCode;
    this.#reason = reason;
    this.#control = null;
    this.whenSpace(null);
    this.#request = null;
    this.#changePhase('finished');
    this.#begun.resolve();
  }

  /** Does what changes how much waits for a reader. */
  #count(change: () => void): void {
    const before = this.replay.unacknowledgedBytes;
    change();
    this.#room.changed(this.replay.unacknowledgedBytes - before);
  }

  #changePhase(phase: RunPhase): void {
    this.#phase = phase;
    this.#observer.phaseChanged(this);
  }
}

/**
 * A short stand-in for a request, to tell whether one that comes again is the same: equal for equal requests; different ones
 * differ in all but one of 2^64 cases. It protects nobody: whoever can send requests may run anything anyway.
 * (`node:crypto` would cost every kernel a megabyte.)
 */
export function fingerprint(request: ExecuteRequest): string {
  const text = JSON.stringify(request);
  let first = 0x9e3779b1;
  let second = 0x85ebca6b;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0xc2b2ae35) ^ (second >>> 15);
  }
  return `${text.length}-${(first >>> 0).toString(16)}-${(second >>> 0).toString(16)}`;
}
