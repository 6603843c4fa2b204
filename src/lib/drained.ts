/** Waiting until the other side takes what was written to it. */
import type { Socket } from 'node:net';

/** Resolves when what was written has left this process, or the socket is closed. Never rejects. */
export function drained(socket: Socket): Promise<void> {
  if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle);
      socket.off('close', settle);
      resolve();
    };
    socket.on('drain', settle);
    socket.on('close', settle);
  });
}
