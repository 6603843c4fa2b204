/** Files that lines are appended to, off the event loop: each line with one system call, so that it is there or torn. */
import { close, fdatasync, open, write } from 'node:fs';
import { promisify } from 'node:util';

const openFile = promisify(open);
const writeBytes = promisify(write);
const closeDescriptor = promisify(close);
const syncData = promisify(fdatasync);

/** The system calls, for tests whose disk hangs. */
export interface AppendCalls {
  /** Makes the file where it is not there, for its owner alone. */
  open(path: string): Promise<number>;
  /** How many bytes were written. */
  write(descriptor: number, bytes: Uint8Array): Promise<number>;
  sync(descriptor: number): Promise<void>;
  close(descriptor: number): Promise<void>;
}

/**
 * Writes a whole line. Throws the system's error; ENOSPC also where there was room for a part of it only, which then stands
 * there without an end.
 */
export async function appendLine(calls: AppendCalls, descriptor: number, line: Uint8Array): Promise<void> {
  const written = await calls.write(descriptor, line);
  if (written === line.length) return;
  const text = `ENOSPC: only ${written} of ${line.length} bytes were written`;
  throw Object.assign(new Error(text), { code: 'ENOSPC', syscall: 'write' });
}

/** Those of the system, in threads beside the event loop. */
export const appendCalls: AppendCalls = {
  open: (path) => openFile(path, 'a', 0o600),
  write: async (descriptor, bytes) => (await writeBytes(descriptor, bytes)).bytesWritten,
  sync: (descriptor) => syncData(descriptor),
  close: (descriptor) => closeDescriptor(descriptor),
};
