/** What can be written beside the home in a kernel whose root file system is read-only: folders in its memory. Pure. */
import { isAtOrBelow } from '../../lib/mount-table.ts';
import type { KernelSpec } from '../spec.ts';

/**
 * Each with the share of the kernel's memory that it may take, so that programs keep a quarter. Some runtimes give a folder the
 * mode that the image's own has, in which nobody but its owner may write to `/run`.
 */
const folders = [
  { path: '/tmp', share: 1 / 2, options: 'exec,mode=1777' },
  { path: '/var/tmp', share: 1 / 8, options: 'exec,mode=1777' },
  { path: '/run', share: 1 / 8, options: 'noexec,mode=755' },
] as const;

/** The folders, and those above them. */
export const waysToTemporaryFolders = ['/tmp', '/var', '/var/tmp', '/run'] as const;

/**
 * The folders by path, with the options that they are mounted with; none at or below a mount of the request, or one of the
 * image's `links`: it would be mounted where the link leads, and the tenant could write in the place of the runner's files.
 */
export function temporaryFolders(
  { readOnlyRoot, limits, mounts, user }: Pick<KernelSpec, 'readOnlyRoot' | 'limits' | 'mounts' | 'user'>,
  links: readonly string[],
): Readonly<Record<string, string>> {
  if (!readOnlyRoot) return {};
  const memoryBytes = limits.memoryBytes - (limits.sharedMemoryBytes ?? 0);
  const taken = [...mounts.map(({ target }) => target), ...links];
  const own = folders.filter(({ path }) => !taken.some((one) => isAtOrBelow(path, one)));
  const owner = `uid=${user.uid},gid=${user.gid}`;
  const size = (share: number): number => Math.floor((memoryBytes * share) / pageBytes) * pageBytes;
  return Object.fromEntries(
    own.map(({ path, share, options }) => [path, `rw,nosuid,nodev,${options},${owner},size=${size(share)}`]),
  );
}

const pageBytes = 4096;
