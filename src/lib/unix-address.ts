/**
 * Addresses of UNIX sockets take 107 bytes at most. A longer path is reached through its open folder:
 * `/proc/self/fd/N/name`. It serves for connecting and for listening.
 */
import { close, constants, open } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { KerneletError } from './errors.ts';

/** The most bytes of a path that an address takes. */
const maxAddress = 107;

/** Opens what a path names and not what is in it: Linux's O_PATH, which Node has no name for. */
const nameOnly = 0o10000000;

/** A usable address of a socket. Dispose it when connected, or after the listening server was closed. */
export interface UnixAddress extends AsyncDisposable {
  /** What `connect` or `listen` gets. */
  readonly address: string;
}

/**
 * An address for the socket at `path`, however long. Throws INVALID_ARGUMENT when the file's name alone is too long,
 * and the system's error when the folder cannot be opened.
 */
export async function openUnixAddress(path: string): Promise<UnixAddress> {
  if (Buffer.byteLength(path) <= maxAddress) return { address: path, [Symbol.asyncDispose]: async () => {} };
  const descriptor = await promisify(open)(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  let opened = true;
  const closeOnce = async (): Promise<void> => {
    if (!opened) return;
    opened = false;
    await promisify(close)(descriptor);
  };
  const address = `/proc/self/fd/${descriptor}/${basename(path)}`;
  if (Buffer.byteLength(address) > maxAddress) {
    await closeOnce();
    throw new KerneletError('INVALID_ARGUMENT', `the name of the socket ${path} is too long for an address`);
  }
  return { address, [Symbol.asyncDispose]: closeOnce };
}

/**
 * An address of the very socket that is at `path`, however long, whatever becomes of the path: to connect to where others
 * may put a link, which would lead to any socket of this machine. Throws INVALID_ARGUMENT when it is no socket, and the
 * system's error when it cannot be opened.
 */
export async function openSocketAddress(path: string): Promise<UnixAddress> {
  const file = await openFile(path, nameOnly | constants.O_NOFOLLOW);
  try {
    if (!(await file.stat()).isSocket()) throw new KerneletError('INVALID_ARGUMENT', `${path} is no socket`);
    return { address: `/proc/self/fd/${file.fd}`, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
