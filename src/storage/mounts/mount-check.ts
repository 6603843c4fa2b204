/** Which folders of the host kernels of this agent get. */
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { type Mount, mountOf, readMountTable } from '../../lib/mount-table.ts';
import { allowMounts, type RequestedMount } from './mount-policy.ts';

/** What the operator allows, and where to warn. */
export interface MountCheckOptions {
  /** Folders that kernels may be given, and what is below them. */
  readonly allow: readonly string[];
  /** Folders of the agent and of the engine, which nobody gets. */
  readonly refuse: () => Promise<readonly string[]>;
  /** Folders, and what is below them, that kernels with root may write in although they are not mounted `nosuid`. */
  readonly allowSetId: readonly string[];
  /** Whether somebody may be root in a kernel. */
  readonly hasTenantRoot: boolean;
  readonly log: Logger;
}

/** Gives a check that throws FORBIDDEN_MOUNT as `allowMounts` and `SetIdCheck` do. */
export function mountCheck({ allow, refuse, allowSetId, hasTenantRoot, log }: MountCheckOptions) {
  const setId = new SetIdCheck(allowSetId, log);
  return async (mounts: readonly RequestedMount[]): Promise<readonly RequestedMount[]> => {
    if (mounts.length === 0) return mounts;
    const allowed = await allowMounts(mounts, { allow, refuse: await refuse() });
    if (hasTenantRoot) await setId.check(allowed);
    return allowed;
  };
}

const key = 'kernelet.mount-allow-set-id';

/**
 * Keeps folders of the host from somebody who is root in a container and could write in them: a program that is set-id
 * there makes root of whoever runs it on the host. The engine binds folders with the options of the mount that they lie on,
 * and takes no others, so that it is that mount which must be `nosuid`. What the operator allows all the same is warned of,
 * once for each mount of the host.
 */
export class SetIdCheck {
  readonly #allow: readonly string[];
  readonly #log: Logger;
  readonly #read: () => Promise<readonly Mount[]>;
  readonly #warned = new Set<string>();

  constructor(allow: readonly string[], log: Logger, read: () => Promise<readonly Mount[]> = readMountTable) {
    this.#allow = allow;
    this.#log = log;
    this.#read = read;
  }

  /** Looks at mounts whose sources are resolved. Throws FORBIDDEN_MOUNT. */
  async check(mounts: readonly RequestedMount[]): Promise<void> {
    const written = mounts.filter(({ readOnly }) => !readOnly);
    if (written.length === 0) return;
    const table = await this.#read().catch(() => []);
    for (const { source } of written) {
      const mount = mountOf(source, table);
      if (mount?.options.has('nosuid')) continue;
      const mountPoint = mount?.mountPoint ?? '/';
      if (!this.#allow.some((folder) => isBelow(source, folder))) {
        const text = `kernels in which somebody may be root may not write in ${source}: set-id programs that they leave there count on this host. Mount ${mountPoint} with nosuid,nodev, mount the folder read-only, or name it in ${key}`;
        throw new KerneletError('FORBIDDEN_MOUNT', text, { context: { path: source, mountPoint } });
      }
      if (this.#warned.has(mountPoint)) continue;
      this.#warned.add(mountPoint);
      const text = 'kernels can leave set-id programs on a mount of this host: mount it with nosuid,nodev';
      this.#log.warn(text, { mountPoint, folder: source });
    }
  }
}

const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
