/** Requests that come while the agent recovers wait, bounded; when it stops, they are refused. */

import { type Clock, sleep } from '../lib/clock.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { AgentPhase } from './agent.ts';

/** The agent's phase, and the wait for it to be ready. */
export class Readiness {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #phase: AgentPhase = 'recovering';
  #failure: KerneletError | null = null;
  #changed = Promise.withResolvers<void>();

  /** `timeoutMs`: how long a request waits for recovery. */
  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  get phase(): AgentPhase {
    return this.#phase;
  }

  /** Enters a phase; a recovery that fails for now says why, for those who wait in vain. */
  enter(phase: AgentPhase, failure: KerneletError | null = null): void {
    this.#phase = phase;
    this.#failure = failure;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /**
   * Resolves when the agent is ready. Throws SHUTTING_DOWN, why it is not ready in time, and at once ENGINE_CHANGED, for
   * which somebody has to do something.
   */
  async ready(): Promise<void> {
    const end = this.#clock.monotonic() + this.#timeoutMs;
    while (this.#phase !== 'ready') {
      if (this.#phase === 'stopping') throw new KerneletError('SHUTTING_DOWN', 'the daemon is stopping');
      if (hasCode(this.#failure, 'ENGINE_CHANGED')) throw this.#failure;
      const left = end - this.#clock.monotonic();
      if (left <= 0) {
        throw (
          this.#failure ??
          new KerneletError('DEADLINE_EXCEEDED', `the daemon is still recovering after ${this.#timeoutMs} ms`)
        );
      }
      const giveUp = new AbortController();
      const waited = sleep(this.#clock, left, giveUp.signal).catch(() => {});
      await Promise.race([this.#changed.promise, waited]);
      giveUp.abort();
    }
  }
}
