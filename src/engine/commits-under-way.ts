/** Of which containers images are being made: while an engine does that, it lets their processes stand still. */
import type { ContainerId } from '../lib/ids.ts';

/** Those of one engine that this process waits for; what the engine goes on with for nobody is not among them. */
export class CommitsUnderWay {
  readonly #commits = new Set<{ readonly id: ContainerId }>();

  /** Whether one is being made of this container. */
  has(id: ContainerId): boolean {
    return [...this.#commits].some((one) => one.id === id);
  }

  /** Makes one; it is under way until that is over. */
  async during<T>(id: ContainerId, make: () => Promise<T>): Promise<T> {
    const one = { id };
    this.#commits.add(one);
    try {
      return await make();
    } finally {
      this.#commits.delete(one);
    }
  }
}
