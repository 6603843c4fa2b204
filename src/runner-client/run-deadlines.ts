/**
 * The time limits of runs as the agent keeps them beside the runner, which ends a run in time unless it is frozen, stuck or
 * in a tenant's hands. Like there the time of a run begins when it runs: one that waits for others has no limit yet, unless
 * nobody can say any more that it waits.
 */
import { type Clock, sleep, type Timer } from '../lib/clock.ts';
import { Deadline, withDeadline } from '../lib/deadline.ts';
import type { RunId } from '../lib/ids.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { unreachable } from './runner-errors.ts';

/** What the runner gets to end a run beyond its limit, then to show that it is there, then to end it when it is. */
const marginMs = 3_000;
const answerMs = 5_000;
const killMs = 30_000;
/** Runs that are watched; the oldest are the runner's alone when there are more. */
const maxRuns = 2000;

/** How a runner is asked, and what is done about a run whose time is over. */
export interface RunDeadlinesOptions {
  readonly clock: Clock;
  /** Aborts when the runner is gone. */
  readonly signal: AbortSignal;
  readonly ping: (signal: AbortSignal) => Promise<unknown>;
  readonly kill: (run: RunId) => void;
  /** A run without an end is over for everybody who waits for it. */
  readonly expire: (run: RunId) => void;
}

interface Limited {
  readonly timeoutMs: number;
  timer: Timer | null;
  queued: boolean;
}

/** The limits of one runner's runs. */
export class RunDeadlines implements Disposable {
  readonly #options: RunDeadlinesOptions;
  readonly #runs = new Map<RunId, Limited>();

  constructor(options: RunDeadlinesOptions) {
    this.#options = options;
  }

  /** Has the runner accept a run, within the run's own time: throws KERNEL_UNREACHABLE when that is over before. */
  async handOver<T>(
    run: RunId,
    timeoutMs: number | null,
    options: { readonly signal: AbortSignal; readonly ask: (signal: AbortSignal) => Promise<T> },
  ): Promise<T> {
    const { signal, ask } = options;
    if (timeoutMs === null) return await ask(signal);
    const { clock, expire } = this.#options;
    const since = clock.now();
    const isNew = this.#add(run, timeoutMs);
    using deadline = new Deadline({ what: 'the start of a run', timeoutMs: timeoutMs + marginMs, clock, signal });
    try {
      return await ask(deadline.signal);
    } catch (error) {
      if (isNew) this.#remove(run);
      if (!deadline.signal.aborted || signal.aborted) throw error;
      // It may still arrive, and is not to run when nobody waits for it any more.
      expire(run);
      throw unreachable(since);
    }
  }

  /** The runner says where a run stands. */
  changed({ run, phase }: RunSummary): void {
    const limited = this.#runs.get(run);
    if (phase === 'finished') this.#remove(run);
    else if (limited?.queued && phase !== 'queued') {
      limited.queued = false;
      this.#arm(run, limited);
    }
  }

  /** Whether what the runner said of waiting runs still counts. */
  reachable(answers: boolean): void {
    for (const [run, limited] of this.#runs) {
      if (!limited.queued) continue;
      if (!answers) this.#arm(run, limited);
      else {
        limited.timer?.[Symbol.dispose]();
        limited.timer = null;
      }
    }
  }

  [Symbol.dispose](): void {
    for (const run of [...this.#runs.keys()]) this.#remove(run);
  }

  /** Whether it was not known. */
  #add(run: RunId, timeoutMs: number): boolean {
    if (this.#runs.has(run)) return false;
    this.#runs.set(run, { timeoutMs, timer: null, queued: true });
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > maxRuns && oldest) this.#remove(oldest);
    return true;
  }

  #remove(run: RunId): void {
    this.#runs.get(run)?.timer?.[Symbol.dispose]();
    this.#runs.delete(run);
  }

  #arm(run: RunId, limited: Limited): void {
    limited.timer?.[Symbol.dispose]();
    limited.timer = this.#options.clock.after(limited.timeoutMs + marginMs, () => {
      this.#end(run, limited).catch(() => {}); // The runner is gone, and its runs with it.
    });
    limited.timer.unref();
  }

  /** The runner has not ended it in time. One that answers may be slow, or the output is not read: it gets more time. */
  async #end(run: RunId, limited: Limited): Promise<void> {
    const { clock, signal, ping, kill, expire } = this.#options;
    const { timer } = limited;
    // The runner may be back meanwhile, and the run's time begin anew.
    const isOver = (): boolean => this.#runs.get(run) === limited && limited.timer === timer;
    const options = { what: "the runner's answer to a ping", timeoutMs: answerMs, clock, signal };
    const answers = await withDeadline(options, (deadline) => ping(deadline.signal)).then(
      () => true,
      () => false,
    );
    if (answers && isOver()) {
      kill(run);
      await sleep(clock, killMs, signal);
    }
    if (!isOver() || signal.aborted) return;
    this.#remove(run);
    expire(run);
  }
}
