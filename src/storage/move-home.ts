/**
 * Moves a folder that a tenant has written to another place of this host. The new folder is root's own and closed to everybody
 * else: programs with a set-uid bit may lie below, and links that lead anywhere.
 */
import { chmod, chown, lstat, mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { removeTree } from '../lib/folders.ts';
import { runProgram } from '../lib/run-program.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';

const copyProgram = 'cp';

/**
 * Moves the folder `from` to `to`, which must not be there, in a folder that is; to another file system it is copied, and
 * stays. An abort ends the copying and removes what was copied. Throws FILE_ERROR.
 */
export async function moveHome(from: string, to: string, signal: AbortSignal): Promise<void> {
  await refuseTaken(to);
  try {
    if (process.geteuid?.() === 0) await chown(from, 0, 0);
    await chmod(from, 0o700);
    await rename(from, to);
  } catch (error) {
    if (!isSystemError(error, 'EXDEV')) throw failed(to, systemErrorCode(error) ?? String(error), error);
    await copy(from, to, signal);
  }
}

async function refuseTaken(to: string): Promise<void> {
  const above = await lstat(dirname(to)).catch(() => null);
  if (!above?.isDirectory()) throw failed(to, `there is no folder ${dirname(to)}`);
  const taken = await lstat(to).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return null;
    throw failed(to, systemErrorCode(error) ?? String(error), error);
  });
  if (taken) throw failed(to, 'it is there already');
}

async function copy(from: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    await mkdir(to, { mode: 0o700 });
  } catch (error) {
    throw failed(to, systemErrorCode(error) ?? String(error), error);
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
