/** Who decides about the kernels of this node: whoever opens the socket, or a manager (spec: design, two ways to run). */
import { KerneletError } from '../lib/errors.ts';

/** The authority over kernels. */
export class Authority {
  readonly #managed: boolean;

  /** `managed`: a manager keeps the books, and does not hear of what is done behind its back. */
  constructor(managed: boolean) {
    this.#managed = managed;
  }

  /** Throws MANAGED for what a manager decides, unless it is forced. `what`: "create a kernel". */
  require(what: string, force: boolean): void {
    if (!this.#managed || force) return;
    throw new KerneletError('MANAGED', `this node is a member of a cluster: its manager decides whether to ${what}`);
  }
}
