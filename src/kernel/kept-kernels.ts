/** Kernels whose end nobody asked for, and whose files are kept: what is known of them, the way back, and the way to another place of this host. */
import { chmod, chown, lstat, mkdir, rename } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { removeTree } from '../lib/folders.ts';
import type { KernelId } from '../lib/ids.ts';
import { letMountsGo } from '../lib/mount-table.ts';
import { runProgram } from '../lib/run-program.ts';
import { isSystemError, systemErrorText } from '../lib/system-error.ts';
import { mountHomeDisk } from '../storage/home-disk.ts';
import type { KeptHome } from '../storage/kept-homes.ts';
import type { ScratchFolders } from '../storage/scratch.ts';
import { resolveKernelId } from './kernel-names.ts';
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

/** The latest of an id, a name, or the unique beginning of an id. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID, INVALID_ARGUMENT. */
export async function keptKernel(scratch: ScratchFolders, text: string): Promise<KeptKernel> {
  const all = await keptKernels(scratch);
  const latest = new Map<KernelId, KeptKernel>();
  for (const kept of all) if (!latest.has(kept.home.kernel)) latest.set(kept.home.kernel, kept);
  const named = [...latest].map(([id, { record }]) => ({ id, name: record?.spec.name ?? null }));
  const id = resolveKernelId(text, named);
  const found = latest.get(id);
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
  await using cleanups = new AsyncDisposableStack();
  if (await mountHomeDisk(path, true, signal)) cleanups.defer(() => letMountsGo(path));
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

const copyProgram = 'cp';

/**
 * Moves the folder `from`, which a tenant has written, to `to`, which must not be there, in a folder that is; to another file
 * system it is copied, and stays. The new folder is root's own and closed to everybody else: programs with a set-uid bit may
 * lie below, and links that lead anywhere. An abort ends the copying and removes what was copied. Throws FILE_ERROR.
 */
export async function moveHome(from: string, to: string, signal: AbortSignal): Promise<void> {
  await refuseTaken(to);
  try {
    if (process.geteuid?.() === 0) await chown(from, 0, 0);
    await chmod(from, 0o700);
    await rename(from, to);
  } catch (error) {
    // EBUSY: it is a file system of its own.
    if (!isSystemError(error, 'EXDEV', 'EBUSY')) throw failed(to, systemErrorText(error), error);
    await copy(from, to, signal);
  }
}

async function refuseTaken(to: string): Promise<void> {
  const above = await lstat(dirname(to)).catch(() => null);
  if (!above?.isDirectory()) throw failed(to, `there is no folder ${dirname(to)}`);
  const taken = await lstat(to).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return null;
    throw failed(to, systemErrorText(error), error);
  });
  if (taken) throw failed(to, 'it is there already');
}

async function copy(from: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    await mkdir(to, { mode: 0o700 });
  } catch (error) {
    throw failed(to, systemErrorText(error), error);
  }
  try {
    await runCopy(from, to, signal);
  } catch (error) {
    await removeTree(to);
    signal.throwIfAborted();
    throw failed(to, error instanceof Error ? error.message : String(error), error);
  }
}

/** A program of its own does it: it copies links as links, holes as holes, and millions of files in little memory. */
async function runCopy(from: string, to: string, signal: AbortSignal): Promise<void> {
  const args = ['--archive', '--one-file-system', '--no-target-directory', '--', from, to];
  const { exitCode, stderr } = await runProgram(copyProgram, args, { signal });
  signal.throwIfAborted();
  if (exitCode !== 0) throw new Error(`${copyProgram} ended with ${exitCode}: ${stderr}`);
}

function failed(to: string, why: string, cause?: unknown): KerneletError {
  return new KerneletError('FILE_ERROR', `the files cannot be moved to ${to}: ${why}`, {
    cause,
    context: { path: to },
  });
}
