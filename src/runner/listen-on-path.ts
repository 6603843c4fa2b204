/** Listens on a UNIX socket of certain permission bits. */
import { rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { listen } from '../lib/listen.ts';

/**
 * Resolves when the server listens; the socket has these bits from the first moment on. By the mask of the process and not by
 * a change afterwards, which gVisor refuses for sockets that the host sees. Rejects with the system's error.
 */
export async function listenOnPath(server: Server, path: string, mode: number): Promise<void> {
  // A container that is started again finds the file of its earlier life.
  rmSync(path, { force: true });
  const before = process.umask(0o777 & ~mode);
  let listening: Promise<void>;
  try {
    listening = listen(server, { path });
  } finally {
    process.umask(before);
  }
  await listening;
}
