/**
 * Signals to the command. The first Ctrl-C asks the program to stop; a second one, SIGTERM and SIGHUP end the command,
 * which cleans up and then dies by that signal, so that scripts see it.
 */
import type { CliIo, CliSignal } from './host.ts';

/** The reason with which an ended command's signal aborts. */
export class EndedBySignal extends Error {
  readonly signal: CliSignal;

  constructor(signal: CliSignal) {
    super(`ended by ${signal}`);
    this.name = 'EndedBySignal';
    this.signal = signal;
  }
}

/** Listens to signals until disposed. */
export class Interruption implements Disposable {
  /** Aborts, with EndedBySignal, when the command has to end. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listeners = new DisposableStack();
  /** What the first Ctrl-C does; null: it ends the command. */
  #onInterrupt: (() => Promise<void>) | null = null;

  constructor(io: CliIo) {
    this.signal = this.#controller.signal;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      this.#listeners.use(io.onSignal(signal, () => this.#take(signal, io)));
    }
  }

  /** The next Ctrl-C does this, once, and does not end the command. */
  interruptWith(action: () => Promise<void>): void {
    this.#onInterrupt = action;
  }

  #take(signal: CliSignal, io: CliIo): void {
    const action = this.#onInterrupt;
    this.#onInterrupt = null;
    if (signal === 'SIGINT' && action) void action().catch(() => this.#end(signal));
    else if (this.signal.aborted) io.dieBySignal(signal);
    else this.#end(signal);
  }

  #end(signal: CliSignal): void {
    this.#controller.abort(new EndedBySignal(signal));
  }

  [Symbol.dispose](): void {
    this.#listeners.dispose();
  }
}
