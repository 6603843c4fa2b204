/**
 * A socket on which whoever connects gets a snapshot of the daemon's state, and the end (spec config-and-ops 15). It is a
 * help for people: where it cannot be, the daemon goes on without it.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';

const maxConnections = 8;
/** For a snapshot, and for a peer that takes it. */
const connectionMs = 20_000;

/** Where snapshots come from, and who makes the socket. */
export interface SnapshotServing {
  readonly take: () => Promise<string>;
  /** Makes a server listen at a path, for this process's user alone. Throws STATE_LOCKED, STATE_UNUSABLE. */
  readonly listenAt: (
    server: Server,
    socketPath: string,
  ) => Promise<AsyncDisposable & { readonly remove: () => Promise<void> }>;
  readonly log: Logger;
}

/** Serves until disposed, for the daemon's own user alone. */
export async function serveSnapshots(
  socketPath: string,
  { take, listenAt, log }: SnapshotServing,
): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  let taking: Promise<string> | null = null;
  const answer = async (socket: Socket): Promise<void> => {
    // Those who come meanwhile get the same.
    taking ??= take().finally(() => {
      taking = null;
    });
    socket.end(await taking);
  };
  // Who has nothing to say may close its side at once, as `socat` does without a terminal, and still listens.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    const late = setTimeout(() => socket.destroy(), connectionMs);
    socket.on('close', () => {
      clearTimeout(late);
      open.delete(socket);
    });
    socket.on('error', () => {});
    socket.resume();
    answer(socket).catch((thrown: unknown) => {
      log.warn('a snapshot of the state could not be taken', { error: toKerneletError(thrown) });
      socket.destroy();
    });
  });
  server.maxConnections = maxConnections;
  await using cleanups = new AsyncDisposableStack();
  try {
    const place = cleanups.use(await listenAt(server, socketPath));
    cleanups.defer(async () => {
      await place.remove();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    });
  } catch (thrown) {
    log.warn('snapshots of the state are not served', { error: toKerneletError(thrown) });
  }
  return cleanups.move();
}
