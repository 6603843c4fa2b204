/** Two streams that give each other what they get, each direction ended for itself. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../lib/clock.ts';

/** Ends a pair of streams, by both of which nothing has come for too long; disposing it lets them be. */
export class IdleTimer implements Disposable {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onIdle: () => void;
  #timer: Timer;
  #lastAt: number;

  constructor(clock: Clock, limitMs: number, onIdle: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onIdle = onIdle;
    this.#lastAt = clock.monotonic();
    this.#timer = this.#arm(limitMs);
  }

  /** Something has come: no timer is made for each piece. */
  touch(): void {
    this.#lastAt = this.#clock.monotonic();
  }

  #arm(delayMs: number): Timer {
    return this.#clock.after(delayMs, () => {
      const leftMs = this.#lastAt + this.#limitMs - this.#clock.monotonic();
      if (leftMs <= 0) this.#onIdle();
      else this.#timer = this.#arm(leftMs);
    });
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}

/** Joins them until both have ended, one breaks, the signal aborts, or nothing has come for `idleMs`. Neither is left open. */
export function joinStreams(
  near: Duplex,
  far: Duplex,
  { idleMs, clock, signal }: { readonly idleMs: number; readonly clock: Clock; readonly signal: AbortSignal },
): void {
  const letBe = (): void => {
    idle[Symbol.dispose]();
    signal.removeEventListener('abort', end);
  };
  const end = (): void => {
    letBe();
    near.destroy();
    far.destroy();
  };
  const idle = new IdleTimer(clock, idleMs, end);
  signal.addEventListener('abort', end, { once: true });
  let open = 2;
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('data', () => idle.touch());
    one.on('error', end);
    one.on('close', () => {
      open -= 1;
      if (open === 0) letBe();
      // What has been written to the other is still to be taken; where this one was whole it has ended already.
      if (other.writableEnded) other.once('finish', () => other.destroy());
      else other.destroy();
      if (other.writableFinished) other.destroy();
    });
    one.pipe(other);
  }
  if (signal.aborted || near.destroyed || far.destroyed) end();
}
