/** What must be true of kernels by what clients did and were told, whatever went wrong meanwhile. */
export class Expectations {
  /** Those that run, or of which a client was told so. */
  readonly #running = new Set<string>();
  /** Those that somebody ends or replaces. */
  readonly #ending = new Set<string>();
  /** Those of which a client was told that they are gone. */
  readonly #gone = new Set<string>();
  readonly #lies: string[] = [];

  /** Begins a round with those that run. */
  begin(running: Iterable<string>): void {
    for (const set of [this.#running, this.#ending, this.#gone]) set.clear();
    for (const id of running) this.#running.add(id);
  }

  mustRun(id: string): void {
    this.#running.add(id);
  }

  /** From now on it may run or be gone. */
  mayEnd(id: string): void {
    this.#ending.add(id);
  }

  mustBeGone(id: string): void {
    this.#ending.add(id);
    this.#gone.add(id);
  }

  /** Notes something untrue that a client was told. */
  lie(text: string): void {
    this.#lies.push(text);
  }

  /** What is not as it must be, given the kernels that run now that all is well again. */
  problems(live: ReadonlySet<string>): readonly string[] {
    const lost = [...this.#running].filter((id) => !live.has(id) && !this.#ending.has(id));
    const back = [...this.#gone].filter((id) => live.has(id));
    return [
      ...this.#lies,
      ...lost.map((id) => `${id} was running, nobody has ended it, and it is gone`),
      ...back.map((id) => `a client was told that ${id} is gone, and it runs`),
    ];
  }
}
