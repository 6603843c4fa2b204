/**
 * A deadline is handed down every await: it knows how much time is left, carries an AbortSignal that fires when the
 * time is over or when the caller cancels, and names the operation for the error.
 */
import { addAbortListener } from 'node:events';
import { type Clock, systemClock } from './clock.ts';
import { KerneletError } from './errors.ts';

/** How to make a deadline. */
export interface DeadlineOptions {
  /** What is being waited for, for the error text: "the engine's reply to create". */
  readonly what: string;
  readonly timeoutMs: number;
  /** The caller's: its abort ends the operation too. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/** A bound on an operation's time. Dispose it when the operation is over. */
export class Deadline implements Disposable {
  readonly what: string;
  readonly signal: AbortSignal;
  readonly #clock: Clock;
  readonly #endsAt: number;
  readonly #release: DisposableStack = new DisposableStack();

  constructor(options: DeadlineOptions) {
    this.what = options.what;
    this.#clock = options.clock ?? systemClock;
    this.#endsAt = this.#clock.monotonic() + options.timeoutMs;
    const controller = new AbortController();
    this.signal = controller.signal;
    const parent = options.signal;
    if (parent?.aborted) {
      controller.abort(parent.reason);
      return;
    }
    const timer = this.#clock.after(options.timeoutMs, () =>
      controller.abort(
        new KerneletError('DEADLINE_EXCEEDED', `${options.what} took longer than ${Math.round(options.timeoutMs)} ms`),
      ),
    );
    this.#release.use(timer);
    if (parent) this.#release.use(addAbortListener(parent, () => controller.abort(parent.reason)));
  }

  /** Milliseconds left, never below 0. */
  remainingMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.monotonic());
  }

  /** Throws the reason when the time is over or the caller has cancelled. */
  check(): void {
    this.signal.throwIfAborted();
  }

  [Symbol.dispose](): void {
    this.#release.dispose();
  }
}

/**
 * Runs `operation` with a signal that aborts after `timeoutMs`, and rejects at that moment even when the operation
 * ignores the signal.
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  operation: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  using deadline = new Deadline(options);
  deadline.check();
  return await raceWithSignal(operation(deadline), deadline.signal);
}

/**
 * The result of work that knows nothing of the signal, unless it aborts first: then its reason is thrown and the work goes
 * on, unheard. The signal keeps no listener.
 */
export async function raceWithSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  using _listener = addAbortListener(signal, () => reject(signal.reason));
  return await Promise.race([work, aborted]);
}
