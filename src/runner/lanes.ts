/**
 * Which runs of a kernel wait for each other: queries and batch runs for those before them in their lane, programs and commands
 * for nobody, since each has a lane of its own. Pure.
 */
import { KerneletError } from '../lib/errors.ts';
import type { Run } from './run.ts';

const maxWaiting = 256;
const maxBeside = 64;

/** Runs of which one runs at a time, in the order in which they came. */
export interface Lane {
  /** null: of a program or command. */
  readonly name: string | null;
  running: Run | null;
  readonly waiting: Run[];
}

/** The lanes that have runs. */
export class Lanes {
  readonly #lanes = new Set<Lane>();

  /**
   * Puts a run at the end of the lane of this name, or alone where the name is null. `behind` is the one before it, if any.
   * Throws OVERLOADED.
   */
  enter(run: Run, name: string | null): { readonly lane: Lane; readonly behind: Run | null } {
    if (name === null && this.#count(({ name: other }) => (other === null ? 1 : 0)) >= maxBeside) {
      const text = `${maxBeside} programs and commands run in this kernel already: end one, or try again when one has ended`;
      throw new KerneletError('OVERLOADED', text);
    }
    if (name !== null && this.#count(({ waiting }) => waiting.length) >= maxWaiting) {
      throw new KerneletError('OVERLOADED', `${maxWaiting} runs are waiting in this kernel already`);
    }
    const lane = this.#named(name) ?? { name, running: null, waiting: [] };
    const behind = lane.waiting.at(-1) ?? lane.running;
    this.#lanes.add(lane);
    lane.waiting.push(run);
    return { lane, behind };
  }

  /** The run that runs in the lane of this name. */
  running(name: string): Run | null {
    return this.#named(name)?.running ?? null;
  }

  /** Those that wait in the lane of this name, in their order. */
  waiting(name: string): readonly Run[] {
    return [...(this.#named(name)?.waiting ?? [])];
  }

  /** All that run, the one that began last at the end. */
  allRunning(): readonly Run[] {
    return [...this.#lanes].flatMap(({ running }) => (running ? [running] : []));
  }

  /** The next run of a lane, which runs from now on; null when one runs already, or none waits. */
  begin(lane: Lane): Run | null {
    if (lane.running) return null;
    lane.running = lane.waiting.shift() ?? null;
    if (!lane.running) return null;
    // To the end: lanes stand in the order in which their runs have begun.
    this.#lanes.delete(lane);
    this.#lanes.add(lane);
    return lane.running;
  }

  /** The run of a lane has ended. */
  end(lane: Lane): void {
    lane.running = null;
    this.#dropIfEmpty(lane);
  }

  /** Takes a run that waits off its lane; whether it did wait. */
  withdraw(run: Run): boolean {
    for (const lane of this.#lanes) {
      const place = lane.waiting.indexOf(run);
      if (place < 0) continue;
      lane.waiting.splice(place, 1);
      this.#dropIfEmpty(lane);
      return true;
    }
    return false;
  }

  [Symbol.iterator](): Iterator<Lane> {
    return [...this.#lanes].values();
  }

  #named(name: string | null): Lane | undefined {
    return name === null ? undefined : [...this.#lanes].find((lane) => lane.name === name);
  }

  #dropIfEmpty(lane: Lane): void {
    if (!lane.running && lane.waiting.length === 0) this.#lanes.delete(lane);
  }

  #count(of: (lane: Lane) => number): number {
    let sum = 0;
    for (const lane of this.#lanes) sum += of(lane);
    return sum;
  }
}
