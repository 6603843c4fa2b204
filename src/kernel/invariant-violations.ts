/** Counts of things that should not happen, for the agent's status. */

/** One counter for each name, from the start of the daemon. */
export class InvariantViolations {
  readonly #counts = new Map<string, number>();

  /** Counts one more of this name. */
  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** The counts so far; what never happened is absent. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
