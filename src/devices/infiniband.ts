/**
 * The devices of InfiniBand, which nobody asks for: every kernel of a node that has some gets all of them (spec
 * kernel-lifecycle 7.2). The cards share themselves out, and what a process reaches by them is what its memory keys say.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The device without which nothing is transferred. */
const firstCard = 'uverbs0';

/**
 * Paths of the device files, in order; none where there is no card. Looked at for each container, since drivers come and go.
 * Never rejects. `folder` is another one in tests.
 */
export async function infinibandDevices(folder = '/dev/infiniband'): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  if (!names.includes(firstCard)) return [];
  const paths = names.toSorted().map((name) => join(folder, name));
  const facts = await Promise.all(paths.map((path) => lstat(path).catch(() => null)));
  return paths.filter((_, index) => facts[index]?.isCharacterDevice());
}
