/**
 * A word about folders of the host that somebody who is root in a container can write in: a program that is set-id there
 * makes root of whoever runs it on the host. The engine binds folders with the options of the mount that they lie on, and
 * takes no others, so that it is that mount which must be `nosuid`.
 */
import type { Logger } from '../lib/log.ts';
import { type Mount, mountOf, readMountTable } from '../lib/mount-table.ts';
import type { RequestedMount } from '../storage/mount-policy.ts';

/** Tells of each mount of the host once. */
export class SuidWarning {
  readonly #log: Logger;
  readonly #read: () => Promise<readonly Mount[]>;
  readonly #told = new Set<string>();

  constructor(log: Logger, read: () => Promise<readonly Mount[]> = readMountTable) {
    this.#log = log;
    this.#read = read;
  }

  /** Looks at mounts whose sources are resolved. Never rejects. */
  async look(mounts: readonly RequestedMount[]): Promise<void> {
    const written = mounts.filter(({ readOnly }) => !readOnly);
    if (written.length === 0) return;
    const table = await this.#read().catch(() => []);
    for (const { source } of written) {
      const mount = mountOf(source, table);
      if (!mount || mount.options.has('nosuid') || this.#told.has(mount.mountPoint)) continue;
      this.#told.add(mount.mountPoint);
      this.#log.warn('kernels can leave set-id programs on a mount of this host: mount it with nosuid,nodev', {
        mountPoint: mount.mountPoint,
        folder: source,
      });
    }
  }
}
