/**
 * The devices of InfiniBand, which nobody asks for: every kernel of a node that has some gets all of them (spec
 * kernel-lifecycle 7.2). The cards share themselves out, and what a process reaches by them is what its memory keys say.
 */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The device without which nothing is transferred. */
const firstCard = 'uverbs0';

/** Paths of the device files, in order; none where there is no card. */
async function deviceFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  if (!names.includes(firstCard)) return [];
  const paths = names.toSorted().map((name) => join(folder, name));
  const facts = await Promise.all(paths.map((path) => lstat(path).catch(() => null)));
  return paths.filter((_, index) => facts[index]?.isCharacterDevice());
}

/** What this process may lock at most, in bytes: an engine that may raise no limit can give no more (spec kernel-lifecycle 7.2). */
export function ownLockedBytes(limits: string): number {
  const hard = /^Max locked memory +\S+ +(\d+|unlimited)/m.exec(limits)?.[1];
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard ?? 0);
}

/**
 * The devices and what programs may lock for them; null without a card. Looked at for each container, since drivers come and go.
 * Never rejects.
 * `folder` is another one in tests.
 */
export async function infinibandDevices(
  folder = '/dev/infiniband',
): Promise<{ readonly nodes: readonly string[]; readonly lockedBytes: number } | null> {
  const nodes = await deviceFiles(folder);
  if (nodes.length === 0) return null;
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  return { nodes, lockedBytes: ownLockedBytes(limits) };
}
