/** Work that is asked for again and again: one at a time, and once more for whatever was asked for meanwhile. */

/** The work. */
export class CoalescedTask {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | null = null;
  #wanted = false;

  /** `work` sees to its own failures; one that it throws all the same is passed to nobody. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Asks for it. What has not begun yet when somebody asks again is the same. */
  request(): void {
    this.#wanted = true;
    this.#running ??= this.#run();
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      await this.#work().catch(() => {});
    }
    this.#running = null;
  }
}
