/**
 * Where mounts come to lie in a container. The engine follows the links on the way to a target, and mounts in order of
 * the targets' depth: over a link, or below one of the runner's folders, the content of a tenant's mount or of a volume
 * that an image declares would take the place of the runner's own files, and be run as root.
 */
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAtOrBelow } from '../../lib/mount-table.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import { canonical, type RequestedMount, refuseMount, refuseVolume } from './mount-policy.ts';

/** Below these an image may declare no volume. */
const runnerFolders = [containerPaths.volume, dirname(containerPaths.run), containerPaths.homeConfig] as const;

/** The volumes that an image declares, as the engine will mount them: a mount at the same target replaces one. */
function effective(volumes: readonly string[], mounts: readonly RequestedMount[]): readonly string[] {
  const kernelTargets = [containerPaths.volume, containerPaths.run, containerPaths.home, containerPaths.homeConfig];
  const targets = new Set<string>([...kernelTargets, ...mounts.map(({ target }) => target)]);
  return volumes.map((path) => canonical(join('/', path))).filter((path) => !targets.has(path));
}

/** Checks the volumes that an image declares, beside the mounts of a request. Pure. Throws FORBIDDEN_VOLUME. */
export function checkVolumes(volumes: readonly string[], mounts: readonly RequestedMount[]): void {
  for (const path of effective(volumes, mounts)) {
    if (runnerFolders.some((one) => isAtOrBelow(path, one))) {
      throw refuseVolume(`the image declares a volume at ${path}, which belongs to the kernel itself`, path);
    }
    const around = mounts.find(({ target }) => isAtOrBelow(path, target));
    if (around)
      throw refuseVolume(`the image declares a volume at ${path}, within the mount at ${around.target}`, path);
  }
}

/**
 * Throws FORBIDDEN_MOUNT, or FORBIDDEN_VOLUME, when the way to a target leads over a link. `home` is the folder of this host that is mounted
 * at the kernel's home, where the tenant may have left one; nothing of the kernel may run meanwhile. `isLink` answers
 * for all other paths, from the container that is to be started.
 */
export async function checkTargetLinks(
  { volumes, mounts }: { readonly volumes: readonly string[]; readonly mounts: readonly RequestedMount[] },
  home: string,
  isLink: (path: string) => Promise<boolean>,
): Promise<void> {
  const known = new Map<string, boolean>();
  const ofImage = effective(volumes, mounts);
  for (const target of [...ofImage, ...mounts.map((mount) => mount.target)]) {
    for (const path of waysTo(target)) {
      const link = known.get(path) ?? (await (inHome(path) ? isHostLink(join(home, inHome(path))) : isLink(path)));
      known.set(path, link);
      if (!link) continue;
      if (!ofImage.includes(target))
        throw refuseMount(`nothing can be mounted at ${target}: ${path} is a link`, target);
      throw refuseVolume(`the image declares a volume at ${target}, but ${path} is a link`, target);
    }
  }
}

/** A path and the folders above it, from the top. */
function waysTo(target: string): readonly string[] {
  const parts = target.split('/').slice(1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

/** The part of a path below the home; empty for the home and what is not in it. */
function inHome(path: string): string {
  return isAtOrBelow(path, containerPaths.home) ? path.slice(containerPaths.home.length) : '';
}

async function isHostLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isSymbolicLink() ?? false;
}
