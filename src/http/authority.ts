/** Who decides about the kernels of a node. */
import { KerneletError } from '../lib/errors.ts';

/** Where a cluster decides, callers of this API need force for what would make or end a kernel. */
export class Authority {
  readonly #managed: boolean;

  constructor(managed: boolean) {
    this.#managed = managed;
  }

  /** Throws MANAGED unless callers may do it: `end a kernel`. */
  require(what: string, force: boolean): void {
    if (!this.#managed || force) return;
    throw new KerneletError('MANAGED', `this node is a member of a cluster, which decides whether to ${what}`);
  }
}
