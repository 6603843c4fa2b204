/**
 * Whom users of containers are on this host. An engine that remaps them (`userns-remap`) gives containers a range of ids of the
 * host's, so that root of a container is nobody here: a file that somebody in a container is to own, or alone to read, belongs
 * to the id of that range.
 */
import { readFile } from 'node:fs/promises';
import { KerneletError } from '../lib/errors.ts';
import { parseIdRanges } from '../lib/id-ranges.ts';
import type { Owner } from './scratch.ts';

/** The users of containers of one engine. */
export interface ContainerUsers {
  /** Root of containers on this host; null: whoever root is here. */
  readonly root: Owner | null;
  /** A user of containers on this host. Throws NOT_SUPPORTED for one whom the engine gives no container. */
  onHost(user: Owner): Owner;
}

/** Whom the engine of the moment has. Throws what the engine throws. */
export type UsersOfContainers = (signal: AbortSignal) => Promise<ContainerUsers>;

/** Those of an engine that changes no ids. */
export const sameUsers: ContainerUsers = { root: null, onHost: (user) => user };

/** How many ids the engine gives to containers from root's on, as far as it says nothing else. */
const usualCount = 65_536;

/** Those of an engine whose containers have the ids from `root` on. */
export function mappedUsers(
  root: Owner,
  { uids, gids }: { readonly uids: number; readonly gids: number },
): ContainerUsers {
  return {
    root,
    onHost({ uid, gid }) {
      if (uid < uids && gid < gids) return { uid: root.uid + uid, gid: root.gid + gid };
      const text = `the engine gives containers the ids below ${Math.min(uids, gids)} (userns-remap), and the kernel is to have user ${uid} and group ${gid}`;
      throw new KerneletError('NOT_SUPPORTED', text, { context: { uid, gid } });
    },
  };
}

/** How many ids follow from the first of a range on, in a file such as `/etc/subuid`; null when it has no such range. Pure. */
export function countFrom(first: number, table: string): number | null {
  const counts = parseIdRanges(table).flatMap((range) => (range.first === first ? [range.count] : []));
  return counts.length === 0 ? null : Math.max(...counts);
}

/** The users of an engine whose containers' root is this on the host; null = it changes no ids. */
export async function readContainerUsers(root: Owner | null): Promise<ContainerUsers> {
  if (root === null) return sameUsers;
  const count = async (first: number, path: string): Promise<number> =>
    countFrom(first, await readFile(path, 'utf8').catch(() => '')) ?? usualCount;
  const [uids, gids] = await Promise.all([count(root.uid, '/etc/subuid'), count(root.gid, '/etc/subgid')]);
  return mappedUsers(root, { uids, gids });
}
