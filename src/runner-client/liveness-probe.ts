/** Finds out that a peer no longer answers though its connection stands: a runner that is frozen or stuck. */
import type { Clock, Timer } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';

/** How to watch a connection. */
export interface LivenessProbeOptions {
  readonly clock: Clock;
  /** A peer that was silent for this long is asked. */
  readonly intervalMs: number;
  /** How long it may take to answer. */
  readonly timeoutMs: number;
  readonly ping: (signal: AbortSignal) => Promise<unknown>;
  /** Whether it need not answer for now; never when absent. */
  readonly isSuspended?: () => boolean;
  /** Called once when it has not answered. */
  readonly onSilence: (error: unknown) => void;
}

/** Asks a silent peer for a sign of life, until it is disposed. */
export class LivenessProbe implements Disposable {
  readonly #options: LivenessProbeOptions;
  #timer: Timer | null = null;
  readonly #stop = new AbortController();
  #heard = true;

  constructor(options: LivenessProbeOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Something has come from the peer: it is not asked in this interval. */
  heard(): void {
    this.#heard = true;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#stop.abort();
  }

  #arm(): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = this.#options.clock.after(this.#options.intervalMs, () => void this.#check());
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    const { clock, timeoutMs, ping, onSilence, isSuspended = () => false } = this.#options;
    if (!this.#heard && !isSuspended()) {
      const { signal } = this.#stop;
      using deadline = new Deadline({ what: "the runner's answer to a ping", timeoutMs, clock, signal });
      try {
        await ping(deadline.signal);
      } catch (thrown) {
        if (signal.aborted) return;
        if (!isSuspended()) {
          onSilence(thrown);
          return;
        }
      }
    }
    this.#heard = false;
    this.#arm();
  }
}
