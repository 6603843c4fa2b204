/** A client of a UNIX socket, for tests. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { openUnixAddress } from '../../src/lib/unix-address.ts';

/** Connects to the socket at a path, however long that is. */
export async function connectTo(path: string): Promise<Socket> {
  await using address = await openUnixAddress(path);
  const socket = createConnection({ path: address.address, allowHalfOpen: true });
  socket.on('error', () => {}); // The other side may close it at any time.
  await once(socket, 'connect');
  return socket;
}

/** So many characters that come, else all up to the end of the connection. */
export async function received(socket: Socket, length = Number.POSITIVE_INFINITY): Promise<string> {
  if (socket.readableEnded || socket.destroyed) return '';
  let text = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  const take = (data: Buffer): void => {
    text += data.toString('latin1');
    if (text.length >= length) resolve();
  };
  for (const end of ['end', 'close']) socket.once(end, () => resolve());
  socket.on('data', take);
  socket.resume();
  await promise;
  socket.off('data', take);
  socket.pause();
  return text;
}
