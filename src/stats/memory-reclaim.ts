/**
 * Gives memory of a container back to the machine: what the kernel can write out or drop. Of version 2 of cgroups that is
 * asked for in pieces (`memory.reclaim`), of version 1 at once (`memory.force_empty`). Processes that stand still get it again when they go on.
 */
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { type Clock, sleep } from '../lib/clock.ts';
import { isSystemError } from '../lib/system-error.ts';
import { type CgroupFolder, type CgroupMount, cgroupFolder, parseMembership } from './cgroup.ts';

/** Where cgroups are seen, and how a container is found there. */
export interface ReclaimParts {
  readonly mounts: readonly CgroupMount[];
  /** `/proc`, but in tests. */
  readonly processRoot: string;
  /** The pid of a container's first process, as the host counts them; null when it has none. */
  readonly pidOf: (containerId: string, signal: AbortSignal) => Promise<number | null>;
  /** Whether its processes stand still yet: those that go on need their memory. */
  readonly isPaused: () => boolean;
  readonly clock: Clock;
}

/** It is not there, may not be written, or there is nothing more to give back. */
const refusals = [
  'ENOENT',
  'ENODEV',
  'EACCES',
  'EPERM',
  'EROFS',
  'EAGAIN',
  'EBUSY',
  'EINVAL',
  'EINTR',
  'ENOTSUP',
] as const;
const pieceBytes = 64 * 2 ** 20;
/** For all pieces of one container, in milliseconds. */
const reclaimMs = 5_000;

/** Resolves with the bytes that it has fewer of then; null: its cgroup is not seen here, or takes no such request. */
export async function reclaimMemory(
  containerId: string,
  { mounts, processRoot, pidOf, isPaused, clock }: ReclaimParts,
  signal: AbortSignal,
): Promise<number | null> {
  const pid = await pidOf(containerId, signal);
  if (pid === null) return null;
  const membership = parseMembership(await readFile(`${processRoot}/${pid}/cgroup`, 'utf8'));
  const folder = cgroupFolder('memory', membership, mounts);
  // The pid may be that of another process by now, or of another machine.
  if (!folder?.path.includes(containerId)) return null;
  const before = await usageOf(folder);
  if (!isPaused()) return null;
  const isDone =
    folder.version === 1
      ? await write(`${folder.path}/memory.force_empty`, '0')
      : await inPieces(folder, { isPaused, clock }, signal);
  return isDone ? Math.max(0, before - (await usageOf(folder))) : null;
}

async function inPieces(
  folder: CgroupFolder,
  { isPaused, clock }: Pick<ReclaimParts, 'isPaused' | 'clock'>,
  signal: AbortSignal,
): Promise<boolean> {
  const until = clock.monotonic() + reclaimMs;
  let isAnyDone = false;
  while (clock.monotonic() < until && !signal.aborted && isPaused()) {
    const piece = Math.min(pieceBytes, await usageOf(folder));
    // EAGAIN: there is no more.
    if (piece === 0 || !(await write(`${folder.path}/memory.reclaim`, String(piece)))) break;
    isAnyDone = true;
    await sleep(clock, 1, signal).catch(() => {});
  }
  return isAnyDone;
}

async function usageOf({ version, path }: CgroupFolder): Promise<number> {
  const name = version === 1 ? 'memory.usage_in_bytes' : 'memory.current';
  return Number(await readFile(`${path}/${name}`, 'utf8'));
}

/** Whether it was taken; makes no file. */
async function write(path: string, text: string): Promise<boolean> {
  try {
    await using file = await open(path, constants.O_WRONLY);
    await file.write(text);
    return true;
  } catch (error) {
    if (isSystemError(error, ...refusals)) return false;
    throw error;
  }
}
