/** A server elsewhere that simulated processes call: it is slow, hangs, is away, and has single calls go wrong. */
import type { SeededRandom } from '../../support/random.ts';
import { FaultPlan } from '../fault-plan.ts';
import type { Owner, Timeline } from '../world/timeline.ts';

/**
 * How one call goes wrong. `error`: refused, nothing done. `cut`: the connection ends before anything is done. `hang`: nothing
 * done and no answer. `late`: as usual, after seconds that a caller waits. `lost-reply`: done, and the connection ends.
 * `hang-after-success`: done, and no answer.
 */
export const serviceFaults = ['error', 'cut', 'hang', 'late', 'lost-reply', 'hang-after-success'] as const;
export type ServiceFault = (typeof serviceFaults)[number];

/** What comes of a call: what it gives, a refusal, or the end of the connection. One that hangs has none. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused' }
  | { readonly kind: 'lost' };

/** The process that calls, for which the answer is. */
export interface Caller {
  readonly owner: Owner;
  /** Whether nobody waits for it any more: then it may never have been sent. */
  readonly isGone: () => boolean;
}

/** Less than any client's patience. */
const lateMs = 6_000;

/** What servers have in common. */
export class RemoteService {
  readonly name: string;
  readonly timeline: Timeline;
  readonly world: Owner;
  /** When it was last away, hung or had a call go wrong, in milliseconds since the world's begin. */
  troubledAt = Number.NEGATIVE_INFINITY;
  readonly faults = new FaultPlan<ServiceFault>();
  readonly #random: SeededRandom;
  readonly #tell: (text: string) => void;
  /** Ends the connections of calls without an outcome. */
  readonly #open = new Set<() => void>();
  /** What has arrived while it hangs. */
  readonly #held: (() => void)[] = [];
  #isUp = true;
  #hangsUntil = 0;

  constructor(parts: {
    readonly name: string;
    readonly timeline: Timeline;
    readonly world: Owner;
    readonly random: SeededRandom;
    readonly tell: (text: string) => void;
  }) {
    this.name = parts.name;
    this.timeline = parts.timeline;
    this.world = parts.world;
    this.#random = parts.random;
    this.#tell = parts.tell;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Whether it is away or hangs. */
  get isTroubled(): boolean {
    return !this.#isUp || this.timeline.now < this.#hangsUntil;
  }

  /** It answers nobody for so long, and does afterwards what it was asked. */
  hang(forMs: number): void {
    this.#hangsUntil = Math.max(this.#hangsUntil, this.timeline.now + forMs);
    this.troubledAt = this.#hangsUntil;
    this.timeline.schedule(forMs, this.world, () => this.#goOn());
  }

  /** Ends every connection; nobody can connect until `start`. */
  stop(): void {
    this.#isUp = false;
    for (const lose of [...this.#open]) lose();
  }

  start(): void {
    this.#isUp = true;
    this.troubledAt = this.timeline.now;
  }

  /** Nothing goes wrong any more. */
  heal(): void {
    this.faults.clear();
    if (this.isTroubled) this.troubledAt = this.timeline.now;
    this.#hangsUntil = 0;
    this.#isUp = true;
    this.#goOn();
  }

  /**
   * Sends a call, which arrives not before a moment; answers when it does. `effect` is what it does there; `answer` is called
   * in a turn of the caller.
   */
  send<T>(call: string, caller: Caller, effect: () => T, answer: (outcome: Outcome<T>) => void, notBefore = 0): number {
    const { now } = this.timeline;
    const fault = this.faults.take(call, now);
    if (fault !== null) {
      this.#tell(`${this.name}: ${call}: ${fault}`);
      this.troubledAt = now;
    }
    let isSettled = false;
    const settle = (outcome: Outcome<T>): void => {
      if (isSettled) return;
      isSettled = true;
      this.#open.delete(lose);
      this.timeline.schedule(this.#delayMs(), caller.owner, () => answer(outcome));
    };
    const lose = (): void => settle({ kind: 'lost' });
    this.#open.add(lose);
    const arrive = (): void => {
      if (isSettled) return;
      if (!this.#isUp) {
        lose();
        return;
      }
      if (this.timeline.now < this.#hangsUntil) {
        this.#held.push(arrive);
        return;
      }
      // With its process its connection ended, seconds ago, and with that the call: it cannot overtake what a later process asked for.
      if (fault === 'late' && caller.owner.hasEnded) return;
      if ((caller.isGone() || caller.owner.hasEnded) && this.#random.fraction() < 0.5) return;
      this.#carryOut(fault, effect, settle);
    };
    const arrival = Math.max(now + this.#delayMs() + (fault === 'late' ? lateMs : 0), notBefore);
    this.timeline.schedule(arrival - now, this.world, arrive);
    return arrival;
  }

  #goOn(): void {
    if (this.timeline.now >= this.#hangsUntil) for (const arrive of this.#held.splice(0)) arrive();
  }

  #carryOut<T>(fault: ServiceFault | null, effect: () => T, settle: (outcome: Outcome<T>) => void): void {
    switch (fault) {
      case 'error':
        settle({ kind: 'refused' });
        return;
      case 'cut':
        settle({ kind: 'lost' });
        return;
      case 'hang':
        return;
      case 'hang-after-success':
        effect();
        return;
      case 'lost-reply':
        effect();
        settle({ kind: 'lost' });
        return;
      default:
        settle({ kind: 'done', value: effect() });
    }
  }

  #delayMs(): number {
    return 0.2 + this.#random.fraction() * 2;
  }
}
