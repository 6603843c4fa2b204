/** An archive becomes a folder: it is unpacked beside its place, and goes there when it is whole. */
import { randomBytes } from 'node:crypto';
import { chmod, lstat, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { unpackInto } from '../../lib/tar.ts';
import type { UnpackedArchive } from '../../protocol/kernel-files.ts';
import { makeFolder } from './brief-work.ts';
import { realBelow } from './paths.ts';
import { committed, report } from './reports.ts';
import { homePath } from './worker-process.ts';

/** Names of what was left out that are told. */
const maxSkipped = 20;

/** Unpacks what comes on standard input into a folder, made with its parents; what is there stays, or is replaced by its like. */
export async function unpackArchive(home: string, path: string): Promise<void> {
  const normal = homePath(path, home);
  const { created } = await makeFolder(home, path);
  const target = await realBelow(normal, home);
  const unfinished = posix.join(target, `.kernelet-upload-${randomBytes(8).toString('hex')}`);
  let unpacked: UnpackedArchive | null = null;
  try {
    unpacked = await unpackOnCommit(unfinished, target);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    // One that was made for nothing goes again, unless somebody uses it by now.
    if (created && !unpacked) await rmdir(target).catch(() => {});
  }
  // The last thing that a worker does: whoever reads it ends the worker.
  if (unpacked) report({ ok: true, result: { ...unpacked } });
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
  const { files, skipped, skippedCount } = await unpackInto(content, unfinished, { modes: 'exact' });
  if (!(await committed())) return null;
  await merge(unfinished, target);
  return { bytes, files, skipped: skipped.slice(0, maxSkipped), skippedCount };
}

/** Moves what is in a folder into another one of the same volume. Throws FILE_EXISTS for a file in a folder's place, and back. */
async function merge(from: string, into: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true, encoding: 'buffer' })) {
    const [source, target] = [from, into].map((folder) => Buffer.concat([Buffer.from(`${folder}/`), entry.name]));
    if (!source || !target) throw new Error('unreachable: there are two folders');
    const there = await lstat(target).catch((error: unknown) => {
      if (isSystemError(error, 'ENOENT')) return null;
      throw error;
    });
    if (there && there.isDirectory() !== entry.isDirectory()) {
      const what = there.isDirectory() ? 'a folder' : 'no folder';
      throw new KerneletError('FILE_EXISTS', `${JSON.stringify(target.toString())} is ${what} in the kernel`);
    }
    if (there?.isDirectory()) {
      await merge(source.toString(), target.toString());
      await chmod(target, (await lstat(source)).mode & 0o777);
    } else await rename(source, target);
  }
}
