/**
 * The health of one kernel's models, as it is published: at each change, at a rate that a hostile kernel cannot exceed and
 * that one model cannot use up for the others. What holds in the end is always told.
 */
import type { Clock } from '../lib/clock.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import type { ModelHealth } from '../protocol/kernel-models.ts';

/** Changes that a kernel may tell, its models an equal share each: checks come seconds after each other. */
const kernelRate = { burst: 100, perSecond: 1 } as const;

/** What is to be published of one model. */
export interface HealthChange {
  readonly name: string;
  readonly healthy: boolean;
}

/** What was published of a kernel's models, and what is still to be. */
export class PublishedHealth {
  readonly #rates: ReadonlyMap<string, TokenBucket>;
  readonly #published = new Map<string, boolean>();
  /** Changes that came too fast, the last one of each model. */
  readonly #held = new Map<string, boolean>();

  /** `models`: those the kernel was made with; what its runner says of any other is dropped. */
  constructor(models: readonly { readonly name: string }[], clock: Pick<Clock, 'monotonic'>) {
    const burst = Math.max(1, Math.floor(kernelRate.burst / models.length));
    const rate = { clock, burst, perSecond: kernelRate.perSecond / models.length };
    this.#rates = new Map(models.map(({ name }) => [name, new TokenBucket(rate)]));
  }

  /**
   * What is new in what the runner says now; it counts as published then. A model of unknown health is not in it.
   * `dropped`: models that the kernel has not, and changes that come too fast, the last of which `held` gives later.
   */
  changes(models: readonly ModelHealth[]): { readonly changes: readonly HealthChange[]; readonly dropped: number } {
    let dropped = 0;
    const changes: HealthChange[] = [];
    for (const { name, healthy } of models) {
      if (healthy === null) continue;
      this.#held.delete(name);
      if (this.#published.get(name) === healthy) continue;
      const rate = this.#rates.get(name);
      if (rate?.take()) {
        this.#published.set(name, healthy);
        changes.push({ name, healthy });
      } else {
        dropped += 1;
        if (rate) this.#held.set(name, healthy);
      }
    }
    return { changes, dropped };
  }

  /** The changes that came too fast for which there is room now; they count as published then. */
  held(): readonly HealthChange[] {
    const changes = [...this.#held]
      .filter(([name]) => this.#rates.get(name)?.take())
      .map(([name, healthy]) => ({ name, healthy }));
    for (const { name, healthy } of changes) {
      this.#held.delete(name);
      this.#published.set(name, healthy);
    }
    return changes;
  }
}
