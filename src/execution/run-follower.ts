/** Since when nothing happens in a kernel, for idle timeouts. */
import { type Clock, systemClock } from '../lib/clock.ts';
import type { RunId } from '../lib/ids.ts';
import type { RunnerClient, RunnerClientEvent } from './runner-client.ts';

/**
 * Follows the runs of one kernel. A kernel is busy while a run is queued or runs; one that waits for its user's input
 * is idle. Dispose it with the client.
 */
export class RunFollower implements Disposable {
  readonly #clock: Clock;
  readonly #subscription: Disposable;
  readonly #busy = new Set<RunId>();
  #lastActivity: number;

  constructor(client: Pick<RunnerClient, 'subscribe' | 'runs'>, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#lastActivity = clock.monotonic();
    this.#subscription = client.subscribe((event) => this.#follow(event));
    for (const summary of client.runs()) this.#follow({ type: 'run', summary });
  }

  /** Something else was asked of the kernel: files, completion. */
  touch(): void {
    this.#lastActivity = this.#clock.monotonic();
  }

  /** For how long nothing has happened, in milliseconds; 0 while a run is queued or runs. */
  idleMs(): number {
    return this.#busy.size > 0 ? 0 : this.#clock.monotonic() - this.#lastActivity;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #follow(event: RunnerClientEvent): void {
    // The summaries of all runs follow: a run that is not among them is gone.
    if (event.type === 'connected') this.#busy.clear();
    if (event.type !== 'run') return;
    const { run, phase } = event.summary;
    const wasBusy = this.#busy.has(run);
    if (phase === 'queued' || phase === 'running') this.#busy.add(run);
    else this.#busy.delete(run);
    if (wasBusy || this.#busy.has(run)) this.touch();
  }
}
