/** Files of this machine on their way into a kernel. */
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { systemErrorCode } from '../lib/system-error.ts';
import { UsageError } from './option-reader.ts';

/** A file that can be sent. */
export interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  /** Its permission bits; the owner, who is somebody else in the kernel, may read it at least. */
  readonly mode: number;
  open(): AsyncIterable<Uint8Array>;
}

/** Looks at a file. Throws a UsageError when it can't be sent; `cure`: what to do where there is none. */
export async function localFile(text: string, workingDirectory: string, cure?: string): Promise<LocalFile> {
  const path = resolve(workingDirectory, text);
  const facts = await stat(path).catch((error) => {
    throw unreadable(text, error, cure);
  });
  if (facts.isDirectory()) throw new UsageError(`${JSON.stringify(text)} is a folder, not a file`);
  if (!facts.isFile()) throw new UsageError(`${JSON.stringify(text)} is not a regular file`);
  return {
    path,
    name: basename(path),
    size: facts.size,
    mode: (facts.mode & 0o777) | 0o400,
    // No further than the size that was announced, should the file grow meanwhile.
    open: () => (facts.size === 0 ? nothing() : createReadStream(path, { end: facts.size - 1 })),
  };
}

/** All of a file. Throws a UsageError when it cannot be read. */
export async function contentOf(file: LocalFile): Promise<Buffer> {
  try {
    return await readFile(file.path);
  } catch (error) {
    throw unreadable(file.path, error);
  }
}

/** The first bytes of a file as text. */
export async function fileHead(file: LocalFile, bytes: number): Promise<string> {
  try {
    await using handle = await open(file.path);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    throw unreadable(file.path, error);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function unreadable(text: string, error: unknown, cure?: string): UsageError {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be read by you',
    ENAMETOOLONG: 'has too long a name',
  };
  const code = systemErrorCode(error) ?? 'unknown error';
  const message = `${JSON.stringify(text)} ${reasons[code] ?? `cannot be read: ${code}`}`;
  return new UsageError(message, code === 'ENOENT' ? cure : undefined);
}
