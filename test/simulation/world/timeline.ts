/**
 * Simulated time: a queue of events, each at its moment and of its owner. Between two events everything that promises alone
 * can do is done, so that what happens depends on the queue and on nothing of this machine.
 */

/** Who an event is for: a process or the world around it. One that has ended gets no events any more, and does nothing. */
export class Owner {
  readonly name: string;
  #hasEnded = false;
  #isFrozen = false;
  /** What came while it was frozen. */
  readonly held: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  end(): void {
    this.#hasEnded = true;
    this.held.length = 0;
  }

  /** It runs no more for now, as in a paused container. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** Gives back what came meanwhile, for the timeline to run. */
  thaw(): readonly (() => void)[] {
    this.#isFrozen = false;
    return this.held.splice(0);
  }
}

/** An event that may be taken back. */
export interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly owner: Owner;
  readonly isTimer: boolean;
  run: (() => void) | null;
}

/** The machine's own, from before anything is replaced. */
const nextTurn = globalThis.setImmediate;

/** The time of one simulated world, which begins at 0 ms. */
export class Timeline {
  #now = 0;
  #order = 0;
  #current: Owner;
  #ran = 0;
  readonly #heap: Scheduled[] = [];
  readonly #world: Owner;

  /** `world`: owns what belongs to no process. */
  constructor(world: Owner) {
    this.#current = world;
    this.#world = world;
  }

  /** Milliseconds since the begin. */
  get now(): number {
    return this.#now;
  }

  /** Whose event is being run: what is begun now is that owner's. */
  get current(): Owner {
    return this.#current;
  }

  /** How many events were run. */
  get ran(): number {
    return this.#ran;
  }

  /** Runs something for an owner after so long. `isTimer`: the owner has asked for nothing but the time. */
  schedule(delayMs: number, owner: Owner, run: () => void, isTimer = false): Scheduled {
    this.#order += 1;
    const event = { at: this.#now + delayMs, order: this.#order, owner, run, isTimer };
    this.#push(event);
    return event;
  }

  /** Lets an owner go on: what it was not told meanwhile it is told now. */
  thaw(owner: Owner): void {
    for (const run of owner.thaw()) this.schedule(0, owner, run);
  }

  /** Does something that is of no process. */
  inWorld(run: () => void): void {
    this.#current = this.#world;
    run();
  }

  /** How many timers an owner has pending. */
  timersOf(owner: Owner): number {
    return this.#heap.filter((event) => event.run !== null && event.isTimer && event.owner === owner).length;
  }

  /** Runs the events up to a moment, or until `enough` says so after one. Rejects with what an event throws. */
  run(until: number, enough: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          const event = enough() ? null : this.#next(until);
          if (!event) {
            if (!enough()) this.#now = Math.max(this.#now, until);
            resolve();
            return;
          }
          this.#now = Math.max(this.#now, event.at);
          this.#current = event.owner;
          this.#ran += 1;
          const { run } = event;
          event.run = null;
          run?.();
          nextTurn(turn);
        } catch (error) {
          reject(error);
        }
      };
      nextTurn(turn);
    });
  }

  #next(until: number): Scheduled | null {
    for (;;) {
      const [first] = this.#heap;
      if (!first || first.at > until) return null;
      this.#pop();
      const { owner, run } = first;
      if (run === null || owner.hasEnded) continue;
      if (!owner.isFrozen) return first;
      owner.held.push(run);
    }
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above];
      if (!other || !isBefore(event, other)) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let child = heap[left];
      let place = left;
      const other = heap[right];
      if (child && other && isBefore(other, child)) [child, place] = [other, right];
      if (!child || isBefore(last, child)) break;
      heap[at] = child;
      at = place;
    }
    heap[at] = last;
  }
}

const isBefore = (one: Scheduled, other: Scheduled): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);
