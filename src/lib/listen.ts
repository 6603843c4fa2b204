/** Listening on a port or a UNIX socket, as a promise. */
import { once } from 'node:events';
import type { ListenOptions, Server } from 'node:net';

/**
 * Resolves when the server listens. Rejects with the system's error. A connection that cannot be accepted later, as without a free
 * descriptor, is lost to its caller alone; `onError` hears of it.
 */
export async function listen(
  server: Server,
  where: ListenOptions,
  onError: (error: Error) => void = () => {},
): Promise<void> {
  const listening = once(server, 'listening');
  server.listen(where);
  await listening;
  server.on('error', onError);
}
