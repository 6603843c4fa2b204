/** Which folders of the host kernels of this agent get. */
import type { Logger } from '../../lib/log.ts';
import { type Mount, mountOf, readMountTable } from '../../lib/mount-table.ts';
import { allowMounts, type RequestedMount } from './mount-policy.ts';

/** What the operator allows, and where to warn. */
export interface MountCheckOptions {
  /** Folders that kernels may be given, and what is below them. */
  readonly allow: readonly string[];
  /** Folders of the agent and of the engine, which nobody gets. */
  readonly refuse: () => Promise<readonly string[]>;
  /** Whether to warn of mounts in which a kernel's root can leave set-id programs. */
  readonly warnsOfSetId: boolean;
  readonly log: Logger;
}

/** Gives a check that throws as `allowMounts` does, and warns of what it lets pass. */
export function mountCheck({ allow, refuse, warnsOfSetId, log }: MountCheckOptions) {
  const warning = new SetIdWarning(log);
  return async (mounts: readonly RequestedMount[]): Promise<readonly RequestedMount[]> => {
    if (mounts.length === 0) return mounts;
    const allowed = await allowMounts(mounts, { allow, refuse: await refuse() });
    if (warnsOfSetId) await warning.check(allowed);
    return allowed;
  };
}

/**
 * Warns of folders of the host that somebody who is root in a container can write in: a program that is set-id there makes
 * root of whoever runs it on the host. The engine binds folders with the options of the mount that they lie on, and takes
 * no others, so that it is that mount which must be `nosuid`. Each mount of the host is warned of once.
 */
export class SetIdWarning {
  readonly #log: Logger;
  readonly #read: () => Promise<readonly Mount[]>;
  readonly #warned = new Set<string>();

  constructor(log: Logger, read: () => Promise<readonly Mount[]> = readMountTable) {
    this.#log = log;
    this.#read = read;
  }

  /** Looks at mounts whose sources are resolved. Never rejects. */
  async check(mounts: readonly RequestedMount[]): Promise<void> {
    const written = mounts.filter(({ readOnly }) => !readOnly);
    if (written.length === 0) return;
    const table = await this.#read().catch(() => []);
    for (const { source } of written) {
      const mount = mountOf(source, table);
      if (!mount || mount.options.has('nosuid') || this.#warned.has(mount.mountPoint)) continue;
      this.#warned.add(mount.mountPoint);
      this.#log.warn('kernels can leave set-id programs on a mount of this host: mount it with nosuid,nodev', {
        mountPoint: mount.mountPoint,
        folder: source,
      });
    }
  }
}
