/**
 * The standard input of a program to which nobody streams: whenever the program waits for it, the caller is asked for a
 * line, as by a program that asks by the input socket. The end of the input is the end of the program's.
 */
import { fstatSync } from 'node:fs';
import type { Clock, Timer } from '../lib/clock.ts';
import { asTenant } from './as-tenant.ts';
import { answerBytes } from './input-socket.ts';
import { waitsForPipe } from './input-wait.ts';
import type { PipeEnds } from './pipe-pool.ts';
import type { Question } from './run.ts';
import { InputWriter } from './tenant-streams.ts';

/** A program that has just said something may be about to ask; one that says nothing for long is looked at seldom. */
const firstLookMs = 20;
const lastLookMs = 1000;
/** While a question is open: a program that waits no longer takes it back. */
const openLookMs = 100;

/** How a program is looked at, and the caller asked. */
export interface AskedInputOptions {
  readonly clock: Clock;
  readonly tenant: { readonly uid: number; readonly gid: number };
  /** Asks; null when it cannot be asked now. */
  ask(question: Question): Disposable | null;
  /** Whether a process of the session waits to read the pipe; null: nobody can see that. For tests. */
  readonly waits?: (leader: number, pipe: number) => boolean | null;
}

/** The input of one program. Dispose it when the program has ended. */
export class AskedInput implements Disposable {
  /** The end for the program, which whoever starts it closes. */
  readonly theirs: number;
  readonly #options: AskedInputOptions;
  readonly #writer: InputWriter;
  /** The number of the pipe in the system. */
  readonly #pipe: number;
  #leader: number | null = null;
  #question: Disposable | null = null;
  #timer: Timer | null = null;
  #delayMs = firstLookMs;
  #spokeAt = 0;
  #lookedAt = 0;

  constructor({ ours, theirs }: PipeEnds, options: AskedInputOptions) {
    this.theirs = theirs;
    this.#options = options;
    this.#pipe = fstatSync(ours).ino;
    this.#writer = new InputWriter(ours);
  }

  /** The program runs, as the leader of a session. */
  watch(leader: number): void {
    this.#leader = leader;
    this.#lookIn(firstLookMs);
  }

  /** The program has said something. */
  spoke(): void {
    this.#spokeAt = this.#options.clock.monotonic();
    if (this.#leader !== null && this.#question === null && this.#delayMs > firstLookMs) this.#lookIn(firstLookMs);
  }

  [Symbol.dispose](): void {
    this.#leader = null;
    this.#timer?.[Symbol.dispose]();
    this.#question?.[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
  }

  #lookIn(delayMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#delayMs = delayMs;
    this.#timer = this.#options.clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    const { clock, tenant, waits = waitsForPipe } = this.#options;
    const leader = this.#leader;
    if (leader === null) return;
    const now = clock.monotonic();
    // One that goes on speaking waits for nothing, unless another of its processes does.
    if (now - this.#spokeAt < firstLookMs && now - this.#lookedAt < lastLookMs) {
      this.#lookIn(firstLookMs);
      return;
    }
    this.#lookedAt = now;
    switch (asTenant(tenant, () => waits(leader, this.#pipe))) {
      case true:
        this.#question ??= this.#ask();
        this.#lookIn(openLookMs);
        break;
      case false:
        this.#withdraw();
        this.#lookIn(Math.min(2 * this.#delayMs, lastLookMs));
        break;
      case null:
        this.#end();
    }
  }

  #ask(): Disposable | null {
    const answer = (text: string | null): void => {
      this.#question = null;
      if (text === null) {
        this.#end();
        return;
      }
      void this.#writer.write(Buffer.from(answerBytes(text, true)));
      this.#lookIn(firstLookMs);
    };
    return this.#options.ask({ prompt: '', password: false, answer });
  }

  #withdraw(): void {
    this.#question?.[Symbol.dispose]();
    this.#question = null;
  }

  /** The program reads the end of its input from now on, and nobody is asked any more. */
  #end(): void {
    this.#leader = null;
    this.#timer?.[Symbol.dispose]();
    this.#writer.end();
  }
}
