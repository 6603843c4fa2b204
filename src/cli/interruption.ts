/**
 * Signals to the command. The first Ctrl-C asks the program to stop; a second one, SIGTERM and SIGHUP end the command,
 * which cleans up and then dies by that signal, so that scripts see it. Neither waits for a daemon that does not answer.
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

/** How long the first Ctrl-C may find nothing to interrupt before it ends the command. */
export const interruptMs = 3_000;
/** How long an ended command may clean up. */
const cleanUpMs = 10_000;

/** Listens to signals until disposed. */
export class Interruption implements Disposable {
  /** Aborts, with EndedBySignal, when the command has to end. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listeners = new DisposableStack();
  readonly #io: CliIo;
  /** What the first Ctrl-C does; null: it ends the command. */
  #onInterrupt: (() => Promise<boolean>) | null = null;

  constructor(io: CliIo) {
    this.signal = this.#controller.signal;
    this.#io = io;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      this.#listeners.use(io.onSignal(signal, () => this.#take(signal)));
    }
  }

  /** The next Ctrl-C does this, once, and does not end the command when it resolves with true: something was interrupted. */
  interruptWith(action: () => Promise<boolean>): void {
    this.#onInterrupt = action;
  }

  #take(signal: CliSignal): void {
    const action = this.#onInterrupt;
    this.#onInterrupt = null;
    if (signal === 'SIGINT' && action) this.#interrupt(action);
    else if (this.signal.aborted) this.#io.dieBySignal(signal);
    else this.#end(signal);
  }

  #interrupt(action: () => Promise<boolean>): void {
    const limit = this.#listeners.use(this.#io.clock.after(interruptMs, () => this.#end('SIGINT')));
    action().then(
      // What has ended by itself is about to be shown as ended, within the same time.
      (found) => found && limit[Symbol.dispose](),
      () => this.#end('SIGINT'),
    );
  }

  #end(signal: CliSignal): void {
    if (this.signal.aborted || this.#listeners.disposed) return;
    this.#listeners.use(this.#io.clock.after(cleanUpMs, () => this.#io.dieBySignal(signal)));
    this.#controller.abort(new EndedBySignal(signal));
  }

  [Symbol.dispose](): void {
    this.#listeners.dispose();
  }
}
