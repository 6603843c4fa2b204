/**
 * The OCI runtimes that the operator has named for kernels, and whether kernels can run under each. That is tried in the
 * background: a runtime that starts containers may all the same keep the agent from their runner. The engine's own default
 * is not among them, since every kernel tries it.
 */
import { type Clock, sleep } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import { hasCode, KerneletError, toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';

/** Where a runtime stands: whether kernels run under it, as far as is known. */
export interface OciRuntimeState {
  /** Its name in the engine's configuration. */
  readonly name: string;
  /** `unknown`: it is being tried, or the engine does not answer. */
  readonly state: 'unknown' | 'usable' | 'refused';
  /** Why it is not usable; blank when it is, and before the first trial. */
  readonly detail: string;
}

/** Trials of runtimes on the engine, which are one after the other. */
export interface OciRuntimeTrials {
  /** Boots a kernel under one. Throws why that is impossible. */
  boot(name: string, signal: AbortSignal): Promise<void>;
  /** Removes what trials have left that were cut off. */
  removeLeft(signal: AbortSignal): Promise<void>;
}

/** What they are made of. */
export interface OciRuntimesParts {
  /** Those that kernels may have. */
  readonly names: readonly string[];
  /** null: nothing is tried ahead, and creations find out. */
  readonly trials: OciRuntimeTrials | null;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Entry {
  state: OciRuntimeState['state'];
  failure: KerneletError | null;
  /** Settled when the trial under way has ended. */
  tried: PromiseWithResolvers<void>;
}

/** An operator mends a refused one in the engine's configuration. */
const againMs = 60_000;
const engineMs = 2_000;

/** The runtimes of one agent. */
export class OciRuntimes {
  readonly #parts: OciRuntimesParts;
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(parts: OciRuntimesParts) {
    this.#parts = parts;
    this.#entries = new Map(
      parts.names.map((name) => [name, { state: 'unknown', failure: null, tried: Promise.withResolvers() }]),
    );
  }

  /** Whether there is something to be tried, or to be removed of what was. */
  get areTried(): boolean {
    return this.#parts.trials !== null;
  }

  /** Where each stands; none where nothing is tried. */
  list(): readonly OciRuntimeState[] {
    if (!this.areTried) return [];
    return [...this.#entries].map(([name, { state, failure }]) => {
      return { name, state, detail: failure?.toDocument().message ?? '' };
    });
  }

  /**
   * Resolves when kernels can have it, after a trial that is under way. Throws INVALID_ARGUMENT for one that the operator
   * has not named, NOT_SUPPORTED for one under which no kernel runs, and what the engine throws.
   */
  async assertUsable(name: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) {
      const known = [...this.#entries.keys()].join(', ') || 'none';
      throw new KerneletError(
        'INVALID_ARGUMENT',
        `kernels of this node may not have the OCI runtime ${JSON.stringify(name.slice(0, 80))}; kernelet.oci-runtimes names ${known}`,
      );
    }
    if (!this.areTried) return;
    if (entry.state === 'unknown') await raceWithSignal(entry.tried.promise, signal);
    if (entry.state !== 'usable') throw entry.failure ?? new KerneletError('INTERNAL', `nothing is known of ${name}`);
  }

  /** Tries those that are not known to be usable, and removes what trials have left, again and again until the signal aborts. */
  async keepTrying(signal: AbortSignal): Promise<void> {
    const { trials, clock, log } = this.#parts;
    while (!signal.aborted && trials !== null) {
      await trials.removeLeft(signal).catch((error: unknown) => {
        if (!signal.aborted) log.debug('what trials of OCI runtimes have left cannot be removed yet', { error });
      });
      for (const [name, entry] of this.#entries)
        if (entry.state !== 'usable') await this.#try(name, entry, trials, signal);
      const isWaiting = [...this.#entries.values()].some(({ state }) => state === 'unknown');
      await sleep(clock, isWaiting ? engineMs : againMs, signal);
    }
  }

  async #try(name: string, entry: Entry, trials: OciRuntimeTrials, signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    const wasRefused = entry.state === 'refused';
    try {
      await trials.boot(name, signal);
      entry.state = 'usable';
      entry.failure = null;
      log.info('kernels can run under the OCI runtime', { runtime: name });
    } catch (thrown) {
      signal.throwIfAborted();
      entry.failure = toKerneletError(thrown);
      // An engine that does not answer says nothing of its runtimes.
      entry.state = hasCode(thrown, 'ENGINE_UNAVAILABLE', 'ENGINE_CHANGED') ? 'unknown' : 'refused';
      // Told once: the words of engines have numbers of processes in them.
      if (entry.state === 'refused' && !wasRefused) log.error(entry.failure.message);
    }
    entry.tried.resolve();
    entry.tried = Promise.withResolvers();
  }
}
