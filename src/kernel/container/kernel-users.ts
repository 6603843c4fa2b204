/**
 * Users of this host for kernels. The Linux kernel counts inotify instances, pending signals, message queues, memory of pipes
 * and more by user, so each kernel gets a user and a group of its own, where nothing outside of it must match them.
 */
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { UserRange } from '../../config/settings.ts';
import type { EngineInfo } from '../../engine/engine.ts';
import { KerneletError } from '../../lib/errors.ts';
import { parseIdRanges } from '../../lib/id-ranges.ts';
import type { Logger } from '../../lib/log.ts';
import type { KernelSpec } from '../spec.ts';

type UserIds = KernelSpec['user'];

/** Texts of the files in which this host gives ids away. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

/** Whether an id is a user's or a group's of this host, or set aside for containers of one. */
export type IsReserved = (id: number) => boolean;

/** Reads the files' texts: `name:x:uid:gid:…`, `name:x:gid:…` and `name:first:count`. Pure. */
export function reservedIds({ passwd, group, subuid, subgid }: AccountFiles): IsReserved {
  const rows = (text: string): readonly (readonly string[])[] => text.split('\n').map((line) => line.split(':'));
  const single = new Set([
    ...rows(passwd).flatMap((row) => [Number(row[2]), Number(row[3])]),
    ...rows(group).map((row) => Number(row[2])),
  ]);
  const ranges = [subuid, subgid].flatMap(parseIdRanges);
  return (id) => single.has(id) || ranges.some(({ first, count }) => id >= first && id < first + count);
}

/** As the files of this host say now; what cannot be read says nothing. */
export async function readReservedIds(): Promise<IsReserved> {
  const read = (name: string): Promise<string> => readFile(`/etc/${name}`, 'utf8').catch(() => '');
  const [passwd, group, subuid, subgid] = await Promise.all([
    read('passwd'),
    read('group'),
    read('subuid'),
    read('subgid'),
  ]);
  return reservedIds({ passwd, group, subuid, subgid });
}

/** What an engine says of the users of containers. */
type EngineUsers = Pick<EngineInfo, 'mappedRoot' | 'isRootless'>;

/** Whether anybody of a range is not reserved. Pure. */
export function hasFreeUser({ first, last }: UserRange, isReserved: IsReserved): boolean {
  for (let id = first; id <= last; id += 1) if (!isReserved(id)) return true;
  return false;
}

/** Why kernels cannot have users of their own here, in words that go on after "since"; null when they can. */
export function whyUsersAreShared(
  range: UserRange,
  { mappedRoot, isRootless }: EngineUsers,
  hasFree: () => boolean,
): string | null {
  if (isRootless) return 'the engine runs without root, in namespaces that have few users';
  if (mappedRoot) return 'the engine maps users of containers to a range of its own (userns-remap)';
  if (hasFree()) return null;
  return `/etc/passwd, group, subuid and subgid give away all of ${range.first}-${range.last} (kernelet.kernel-uid-range)`;
}

/** Chooses users. Which ones are in use is known by records and folders alone: nothing is leased here. */
export class KernelUsers {
  readonly #range: UserRange;
  readonly #isReserved: IsReserved;
  readonly #log: Logger;
  /** Found once: what is reserved stays as it is, and where that is everything the whole range is gone through. */
  #hasFree: boolean | null = null;
  #told: string | null = null;

  constructor(range: UserRange, isReserved: IsReserved, log: Logger) {
    this.#range = range;
    this.#isReserved = isReserved;
    this.#log = log;
  }

  /**
   * The user of a new kernel. It keeps the one of its specification, which all such kernels share, where it has folders of
   * the host, whose owners and modes are made for that user, and where the engine or the host leave no others. Throws
   * INSUFFICIENT_RESOURCES when all are taken.
   */
  userOf({ user, mounts }: KernelSpec, engine: EngineUsers, taken: ReadonlySet<number>): UserIds {
    if (mounts.length > 0) return user;
    const why = whyUsersAreShared(this.#range, engine, () => {
      this.#hasFree ??= hasFreeUser(this.#range, this.#isReserved);
      return this.#hasFree;
    });
    if (why !== null) {
      if (this.#told !== why) this.#log.warn('kernels share one user of this host', { uid: user.uid, why });
      this.#told = why;
      return user;
    }
    const uid = this.#draw(taken);
    return { uid, gid: this.#range.gid ?? uid };
  }

  /** By chance, since nobody knows here what another agent of this host has drawn, or what an earlier kernel left in which image. */
  #draw(taken: ReadonlySet<number>): number {
    const { first, last } = this.#range;
    const count = last - first + 1;
    const start = randomInt(count);
    for (let step = 0; step < count; step += 1) {
      const uid = first + ((start + step) % count);
      if (!taken.has(uid) && !this.#isReserved(uid)) return uid;
    }
    const text = `every user of ${first}-${last} is in use by a kernel or a kept home: remove some, or widen kernelet.kernel-uid-range`;
    throw new KerneletError('INSUFFICIENT_RESOURCES', text, { context: { resource: 'users', total: count } });
  }
}
