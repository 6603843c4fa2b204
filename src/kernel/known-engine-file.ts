/** Where it is stored which engine has the kernels of a state folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFileDurably, writeFileAtomic } from '../lib/atomic-file.ts';
import { KerneletError } from '../lib/errors.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import { decodeKnownEngine, encodeKnownEngine, type KnownEngine } from './known-engine.ts';

/** The file, in a state folder. */
export const knownEngineFile = (stateDir: string): string => join(stateDir, 'engine.json');

/** Reads it; null when there is none. Throws STATE_UNUSABLE. */
export async function readKnownEngine(file: string): Promise<KnownEngine | null> {
  try {
    return decodeKnownEngine(await readFile(file, 'utf8'));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    const why = systemErrorCode(error) ?? 'it is damaged';
    const text = `${file}, which says which engine has the kernels, cannot be read (${why}): put it back, or remove it: an engine that has containers of the kernels is known again by them`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause: error, context: { path: file } });
  }
}

/** Replaces it. Throws STATE_UNUSABLE. */
export async function writeKnownEngine(file: string, known: KnownEngine): Promise<void> {
  await writeFileAtomic(file, encodeKnownEngine(known));
}

/** Removes it; an absent one is success. Throws STATE_UNUSABLE. */
export async function forgetKnownEngine(file: string): Promise<void> {
  await removeFileDurably(file);
}
