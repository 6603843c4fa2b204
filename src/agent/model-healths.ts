/** What has been told of the health of a kernel's models: each change once. */
import type { ModelHealth } from '../protocol/kernel-models.ts';

/** The models of one kernel. */
export class ModelHealths {
  readonly #told = new Map<string, boolean>();

  /** What is new in what the runner says now; it counts as told then. A model of whose health nothing is known is not told. */
  changes(models: readonly ModelHealth[]): readonly { readonly name: string; readonly healthy: boolean }[] {
    return models.flatMap(({ name, healthy }) => {
      if (healthy === null || this.#told.get(name) === healthy) return [];
      this.#told.set(name, healthy);
      return [{ name, healthy }];
    });
  }
}
