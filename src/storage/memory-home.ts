/**
 * A home in memory: a file system of the system's own (tmpfs) with a size. What is written counts for the memory of the kernel
 * whose programs write it; it is gone with the kernel, or with the machine.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/folders.ts';
import { runProgram } from '../lib/run-program.ts';
import { isHomeMounted } from './home-disk.ts';

/** A file for each so many bytes, as homes with an image have. */
const bytesPerFile = 16 * 1024;
const deadlineMs = 20_000;
const program = 'mount';
/** Where Linux can put files in huge pages, it has this. */
const hugePages = '/sys/kernel/mm/transparent_hugepage/shmem_enabled';

/** What it holds, and whose it is at first. */
export interface MemoryHome {
  readonly bytes: number;
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** What it is mounted with. Large files are in huge pages where the machine has them for files. Pure. */
export function memoryHomeOptions({ bytes, owner }: MemoryHome, hasHugePages: boolean): string {
  const size = `size=${bytes},nr_inodes=${Math.ceil(bytes / bytesPerFile)}`;
  return `nosuid,nodev,mode=755,uid=${owner.uid},gid=${owner.gid},${size}${hasHugePages ? ',huge=within_size' : ''}`;
}

/**
 * Mounts one in a kernel's folder, which is made where it is missing; one that is mounted stays. Throws the system's error,
 * NOT_SUPPORTED, the signal's reason.
 */
export async function mountMemoryHome(root: string, wanted: MemoryHome, signal?: AbortSignal): Promise<void> {
  const home = join(root, 'work');
  // Nobody but root gets at what is below the mount, should it not be there.
  await makeFolder(home, 0o700);
  if (await isHomeMounted(root)) return;
  const args = ['-t', 'tmpfs', '-o', memoryHomeOptions(wanted, existsSync(hugePages)), '--', 'kernelet', home];
  const { exitCode, stderr } = await runProgram(program, args, { timeoutMs: deadlineMs, ...(signal && { signal }) });
  signal?.throwIfAborted();
  if (exitCode === 0) return;
  const text = `the home cannot be in memory on this machine: ${program} ended with ${exitCode}: ${stderr}`;
  throw new KerneletError('NOT_SUPPORTED', text);
}
