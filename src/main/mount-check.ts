/** Which folders of the host kernels of this agent get. */
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../lib/log.ts';
import { allowMounts, type RequestedMount } from '../storage/mount-policy.ts';
import { SuidWarning } from './suid-warning.ts';

/** What decides. */
export interface MountCheckOptions {
  readonly settings: Pick<Settings, 'mode' | 'mountAllow' | 'container'>;
  /** Folders of the agent and of the engine, which nobody gets. */
  readonly refuse: () => Promise<readonly string[]>;
  readonly log: Logger;
}

/** Gives a check that throws as `allowMounts` does, and warns of what it lets pass. */
export function mountCheck({ settings, refuse, log }: MountCheckOptions) {
  const { mode, mountAllow, container } = settings;
  const alone = mode === 'standalone';
  const warning = new SuidWarning(log);
  return async (mounts: readonly RequestedMount[]): Promise<readonly RequestedMount[]> => {
    if (mounts.length === 0) return mounts;
    // In a cluster its manager decides what is mounted.
    const allowed = await allowMounts(mounts, { allow: alone ? mountAllow : ['/'], refuse: await refuse() });
    // In a cluster, scripts of images are root, and users of sessions with `sudo`.
    if (!alone || container.kernelUser.uid === 0) await warning.look(allowed);
    return allowed;
  };
}
