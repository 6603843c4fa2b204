/** An archive becomes a folder: it is unpacked beside its place, and goes there when it is whole and fits. */
import { chmod, lstat, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { unpackInto } from '../../lib/tar.ts';
import type { UnpackedArchive } from '../../protocol/kernel-files.ts';
import { makeFolders } from './brief-work.ts';
import { mountAt } from './open-folder.ts';
import { presentAt, realBelow, unfinishedName } from './paths.ts';
import { committed, report } from './reports.ts';
import { homePath } from './worker-process.ts';

/** Names of what was left out that are told. */
const maxSkipped = 20;

/** Unpacks what comes on standard input into a folder, made with its parents; what is there stays, or is replaced by its like. */
export async function unpackArchive(home: string, path: string): Promise<void> {
  const normal = homePath(path, home);
  const made = await makeFolders(home, path);
  const target = await realBelow(normal, home);
  const unfinished = posix.join(target, unfinishedName());
  let unpacked: UnpackedArchive | null = null;
  try {
    unpacked = await unpackOnCommit(unfinished, target);
  } finally {
    // What went wrong before is what is told.
    await rm(unfinished, { recursive: true, force: true }).catch(() => {});
    if (!unpacked) await removeMade(target, made);
  }
  // The last thing that a worker does: whoever reads it ends the worker.
  if (unpacked) report({ ok: true, result: { ...unpacked } });
}

/** Folders that were made for nothing go again, unless somebody uses them by now. */
async function removeMade(lowest: string, count: number): Promise<void> {
  let folder = lowest;
  try {
    for (let gone = 0; gone < count; gone += 1) {
      await rmdir(folder);
      folder = posix.dirname(folder);
    }
  } catch {
    // What is in use stays, with what it lies in.
  }
}

/** null: the runner has not said that it is whole. */
async function unpackOnCommit(unfinished: string, target: string): Promise<UnpackedArchive | null> {
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const piece of process.stdin) {
      const chunk: Buffer = piece;
      bytes += chunk.length;
      yield chunk;
    }
  }
  const content = Readable.toWeb(Readable.from(counted())) as ReadableStream<Uint8Array>;
  const { files, skipped, skippedCount, folders } = await unpackInto(content, unfinished, { modes: 'exact' });
  if (!(await committed())) return null;
  await assertFits(unfinished, target);
  await merge(unfinished, target, '', folders);
  return { bytes, files, skipped: skipped.slice(0, maxSkipped), skippedCount };
}

/**
 * Looks at all that is to be replaced before anything is. Throws FILE_EXISTS for a file in a folder's place, and back, and FILE_ERROR
 * for what lies on another volume, into which nothing can be moved.
 */
async function assertFits(from: string, into: string): Promise<void> {
  const mount = await mountAt(into);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [posix.join(from, entry.name), posix.join(into, entry.name)];
    const there = await presentAt(target);
    if (!there) continue;
    if (there.isDirectory() !== entry.isDirectory()) {
      const what = there.isDirectory() ? 'a folder' : 'no folder';
      throw new KerneletError('FILE_EXISTS', `${JSON.stringify(target)} is ${what} in the kernel`);
    }
    if ((await mountAt(target)) !== mount) {
      throw new KerneletError('FILE_ERROR', `${JSON.stringify(target)} is a volume: unpack into it by itself`);
    }
    if (there.isDirectory()) await assertFits(source, target);
  }
}

/** Moves what is in a folder into another one of the same volume; folders that are there get the modes that the archive has for them. */
async function merge(from: string, into: string, prefix: string, folders: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [posix.join(from, entry.name), posix.join(into, entry.name)];
    if (!entry.isDirectory() || !(await presentAt(target))) {
      await rename(source, target);
      continue;
    }
    const below = posix.join(prefix, entry.name);
    await merge(source, target, below, folders);
    if (folders.has(below)) await takeMode(source, target);
  }
}

/** A folder that is somebody else's keeps its mode. */
async function takeMode(source: string, target: string): Promise<void> {
  await chmod(target, (await lstat(source)).mode & 0o777).catch((error: unknown) => {
    if (!isSystemError(error, 'EPERM')) throw error;
  });
}
