/** Kernels whose end nobody asked for, and whose files are kept: what is known of them, and the way back. */
import { lstat, rename } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';
import type { KeptHome } from '../storage/kept-homes.ts';
import { moveHome } from '../storage/move-home.ts';
import type { ScratchFolders } from '../storage/scratch.ts';
import { resolveKernelId } from './kernel-ids.ts';
import { decodeRecord, type KernelRecord } from './record.ts';

/** An ended kernel of which the home is kept. */
export interface KeptKernel {
  readonly home: KeptHome;
  /** Its last record; null when that is lost. */
  readonly record: KernelRecord | null;
}

/** All of them, the latest first. */
export async function keptKernels({ kept }: ScratchFolders): Promise<readonly KeptKernel[]> {
  const read = async (home: KeptHome): Promise<KeptKernel> => {
    const note = await kept.noteOf(home).catch(() => null);
    return { home, record: note === null ? null : recordOf(note, home.kernel) };
  };
  return await Promise.all((await kept.list()).map(read));
}

/** The latest of a full id or unique prefix. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID, INVALID_ARGUMENT. */
export async function keptKernel(scratch: ScratchFolders, idOrPrefix: string): Promise<KeptKernel> {
  const all = await keptKernels(scratch);
  const id = resolveKernelId(idOrPrefix, new Set(all.map(({ home }) => home.kernel)));
  const found = all.find(({ home }) => home.kernel === id);
  if (found) return found;
  throw new KerneletError('KERNEL_NOT_FOUND', `nothing is kept of kernel ${id}`, { context: { kernel: id } });
}

/** Moves the home of one to a folder that is not there yet, and lets go of the rest. Throws FILE_ERROR. */
export async function moveKept(scratch: ScratchFolders, { home }: KeptKernel, to: string, signal: AbortSignal) {
  const path = scratch.kept.pathOf(home);
  const refuse = (why: string): never => {
    throw new KerneletError('FILE_ERROR', `the files cannot be moved to ${to}: ${why}`);
  };
  if (!isAbsolute(to)) refuse('it is no absolute path');
  const target = resolve(to);
  if (`${target}/`.startsWith(`${resolve(path, '..', '..')}/`)) refuse('folders of kernels lie there');
  await moveHome(join(path, 'work'), target, signal);
  await scratch.kept.letGo(home);
}

/** Puts the folder of an ended kernel back in its place, where it isn't yet. Throws STATE_UNUSABLE when it is kept no more. */
export async function bringBack(scratch: ScratchFolders, kernel: KernelId, name: string): Promise<void> {
  const { root } = scratch.paths(kernel);
  if (await lstat(root).catch(() => null)) return;
  await rename(scratch.kept.pathOf({ name }), root).catch((cause: unknown) => {
    const text = `the files of kernel ${kernel} cannot be brought back: they are kept no more`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause, context: { kernel } });
  });
}

function recordOf(note: string, kernel: KernelId): KernelRecord | null {
  try {
    const record = decodeRecord(note);
    return record.spec.id === kernel ? record : null;
  } catch {
    return null;
  }
}
