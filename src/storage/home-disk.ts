/**
 * A home with a file system of its own: an ext4 image beside it in the kernel's folder, which is the limit of its bytes and
 * of its files. The image is sparse, and what the tenant deletes is given back to the disk. Programs of the system make and
 * mount it, each with a deadline, so that a disk that hangs holds up nobody else.
 */
import type { Stats } from 'node:fs';
import { chown, lstat, mkdir, open, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { runProgram } from '../lib/run-program.ts';
import { KeyedMutex } from '../lib/semaphore.ts';
import { isSystemError } from '../lib/system-error.ts';

/** Of a kernel's folder: the tenant's home, the part of the agent, and where in it the image lies of a home that has one. */
const [homeFolder, agentFolder, imageFile] = ['work', 'private', 'private/home.img'];

const blockBytes = 4096;
/** A file for each so many bytes, which is what ext4 has by default. */
const bytesPerFile = 16 * 1024;
const inodeBytes = 256;
/** What ext4 keeps for itself: a fiftieth, so many bytes at most. */
const reserve = { part: 1 / 50, maxBytes: 16 * 2 ** 20 };
const fixedBytes = 2 ** 20;

const deadlineMs = 20_000;
/** A large home that a machine has lost its power with; a repair that is cut off makes it worse. */
const repairMs = 2 * 60_000;

/** How large the image is in which a home can take so many bytes: the tables of the file system come beside them. Pure. */
export function imageBytes(homeBytes: number): number {
  const tables = Math.ceil((homeBytes / bytesPerFile) * inodeBytes);
  const kept = Math.min(homeBytes * reserve.part, reserve.maxBytes);
  // The tables of what is added for the tables are in the fixed part, or a small part of them.
  const all = (homeBytes + kept) * (1 + 1 / 2048) + tables * (1 + inodeBytes / bytesPerFile) + fixedBytes;
  return Math.ceil(all / blockBytes) * blockBytes;
}

/** Makes the home of a kernel's folder, in which nothing is, and its image. Throws the system's error, NOT_SUPPORTED, the signal's reason. */
export async function makeHomeDisk(root: string, homeBytes: number, signal?: AbortSignal): Promise<void> {
  // Nobody but root gets at what is below the mount, should it not be there.
  await Promise.all([homeFolder, agentFolder].map((part) => mkdir(join(root, part), { mode: 0o700 })));
  const image = join(root, imageFile);
  await using file = await open(image, 'wx', 0o600);
  await file.truncate(imageBytes(homeBytes));
  await mustRun(
    'mkfs.ext4',
    [
      ...['-q', '-F', '-b', String(blockBytes), '-I', String(inodeBytes), '-i', String(bytesPerFile), '-m', '0'],
      // Without a journal: the file system ends with the kernel, or is looked through before it is used again.
      ...['-O', '^has_journal,^resize_inode', '-E', 'nodiscard,lazy_itable_init=1', image],
    ],
    signal,
  );
}

/** Gives the image to the user of its home, so that whose it is can be seen while it is not mounted. Throws the system's error. */
export async function giveHomeDisk(root: string, owner: { readonly uid: number; readonly gid: number }): Promise<void> {
  if (process.geteuid?.() === 0) await chown(join(root, imageFile), owner.uid, owner.gid);
}

/** The user whose home is in a kernel's folder, mounted or not; null when there is none. Throws the system's error. */
export async function homeOwner(root: string): Promise<number | null> {
  const facts = (await factsOf(join(root, imageFile))) ?? (await factsOf(join(root, homeFolder)));
  return facts?.uid ?? null;
}

async function factsOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Whether the home of a kernel's folder is a file system of its own, mounted. Throws the system's error. */
export async function isHomeMounted(root: string): Promise<boolean> {
  const [above, home] = await Promise.all([lstat(root), lstat(join(root, homeFolder))]);
  return home.dev !== above.dev;
}

/** By the inodes of images, since their folders are renamed: a repair destroys what is mounted or repaired at the same time. */
const locks = new KeyedMutex<string>();

/**
 * Mounts the home of a kernel's folder that has an image; answers whether it has one. A mounted one is success. `isUsed`:
 * it has been mounted before, by a machine that may have stopped meanwhile; then it is repaired, to the end even when the
 * signal aborts. Throws the system's error, NOT_SUPPORTED, STATE_UNUSABLE when it cannot be repaired, the signal's reason.
 */
export async function mountHomeDisk(root: string, isUsed: boolean, signal?: AbortSignal): Promise<boolean> {
  const [home, image] = [join(root, homeFolder), join(root, imageFile)];
  const facts = await factsOf(image);
  if (!facts?.isFile()) return false;
  using _held = await locks.acquire(`${facts.dev}:${facts.ino}`, signal);
  if (await isHomeMounted(root)) return true;
  if (isUsed) await repair(image, signal);
  // The tables of a sparse file are zeros: nobody needs to write them.
  const options = 'loop,nosuid,nodev,discard,noinit_itable,errors=remount-ro';
  await mustRun('mount', ['-t', 'ext4', '-o', options, '--', image, home], signal);
  if (!isUsed) await rmdir(join(home, 'lost+found')).catch(() => {});
  return true;
}

const bounded = (signal: AbortSignal | undefined) => ({ timeoutMs: deadlineMs, ...(signal && { signal }) });

/** Whether something has the image, such as a container that still runs, though it is mounted no more here. */
async function isInUse(image: string, signal?: AbortSignal): Promise<boolean> {
  const { exitCode, stdout, stderr } = await runProgram('losetup', ['--associated', image], {
    ...bounded(signal),
    maxOutputBytes: 4096,
  });
  signal?.throwIfAborted();
  if (exitCode !== 0) throw failed(`losetup ended with ${exitCode}: ${stderr}`);
  return stdout.trim() !== '';
}

/** Status 1: what was wrong was repaired. */
const isRepaired = (exitCode: number): boolean => exitCode === 0 || exitCode === 1;

/** Of one that nothing has: whoever repairs what is written at the same time destroys it. No abort cuts it off. */
async function repair(image: string, signal?: AbortSignal): Promise<void> {
  if (await isInUse(image, signal)) return;
  const { exitCode, stderr } = await runProgram('e2fsck', ['-y', image], { timeoutMs: repairMs });
  signal?.throwIfAborted();
  if (!isRepaired(exitCode))
    throw new KerneletError(
      'STATE_UNUSABLE',
      `the home in ${image} cannot be repaired (e2fsck: ${exitCode}): ${stderr}`,
    );
}

async function mustRun(program: string, args: readonly string[], signal?: AbortSignal): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, args, bounded(signal));
  signal?.throwIfAborted();
  if (exitCode !== 0) throw failed(`${program} ended with ${exitCode}: ${stderr}`);
}

const failed = (why: string): KerneletError =>
  new KerneletError('NOT_SUPPORTED', `the home cannot be limited on this machine: ${why}`);
