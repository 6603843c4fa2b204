/**
 * The API on a UNIX socket that only its owner can open. The socket is bound inside a fresh folder that only the owner can
 * enter, given mode 0600 and then renamed into its place, so at no time can another user connect. The only module that
 * knows `@hono/node-server`.
 */

import { chmod, lstat, mkdtemp, rename, rm, stat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Server as SocketServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { type DescriptorBudget, descriptorsOfProcess } from '../lib/descriptor-budget.ts';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/folders.ts';
import { isSystemError } from '../lib/system-error.ts';
import { openUnixAddress } from '../lib/unix-address.ts';
import type { ApiApp } from './operation.ts';

const maxHeaderBytes = 32 * 1024;
const maxConnections = 1024;
const headersTimeoutMs = 10_000;
const keepAliveTimeoutMs = 120_000;
/** How long a stopping server waits for requests that are under way. */
const closeTimeoutMs = 5_000;
/** How long the rest of a body that was answered early is read; then the connection is closed. */
const lingerMs = 15_000;
/** How soon a stopping server closes connections that have become idle. */
const sweepMs = 20;

/** A listening server. Disposing it ends streams, waits a moment for other requests, and removes the socket. */
export interface ApiServer extends AsyncDisposable {
  readonly socketPath: string;
}

/**
 * Listens on the socket. Throws STATE_LOCKED when another daemon answers there, STATE_UNUSABLE when the place cannot
 * be used.
 */
export async function startApiServer(
  app: ApiApp,
  socketPath: string,
  descriptors: Pick<DescriptorBudget, 'hasRoom'> = descriptorsOfProcess(),
): Promise<ApiServer> {
  const stopping = new AbortController();
  const server = createAdaptorServer({
    fetch: (request, env) => {
      if ('incoming' in env) lingerAfter(env.incoming as IncomingMessage, env.outgoing as ServerResponse);
      return app.fetch(request, { ...env, stopping: stopping.signal });
    },
    // Its own way lasts half a second.
    autoCleanupIncoming: false,
    overrideGlobalObjects: false,
    createServer,
    serverOptions: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      // Uploads and standard input may take as long as they like.
      requestTimeout: 0,
    },
  }) as Server;
  server.maxConnections = maxConnections;
  // Whoever connects while descriptors are scarce may try again; what they are kept for goes on.
  server.prependListener('connection', (socket) => {
    if (!descriptors.hasRoom) socket.destroy();
  });
  const place = await listenAt(server, socketPath);
  return {
    socketPath,
    async [Symbol.asyncDispose]() {
      await place.remove();
      await close(server, stopping);
      await place[Symbol.asyncDispose]();
    },
  };
}

async function close(server: Server, stopping: AbortController): Promise<void> {
  stopping.abort(new KerneletError('SHUTTING_DOWN', 'the daemon is stopping'));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection whose last response has just ended is kept alive by its client; nothing announces that it is idle.
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs);
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(timer);
  }
}

/**
 * Reads the rest of a request with a body, and drops it, when the reply has been written: a client that meets a closed
 * socket while it still sends reads no reply any more. Call it before the reply.
 */
function lingerAfter(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { socket, headers } = incoming;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return;
  // Node would close the connection of a client that asks for it together with the reply.
  const closes = !outgoing.shouldKeepAlive;
  outgoing.shouldKeepAlive = true;
  const close = (): void => socket.destroySoon();
  outgoing.once('finish', () => {
    if (incoming.complete || incoming.destroyed) return closes ? close() : undefined;
    const timer = setTimeout(close, lingerMs);
    incoming.once('close', () => {
      clearTimeout(timer);
      if (closes) close();
    });
    // Whoever had begun to read would keep the rest, or pause when it has enough.
    incoming.removeAllListeners('data').on('data', () => {});
    incoming.resume();
  });
}

/** A socket in its place. */
export interface PlacedSocket extends AsyncDisposable {
  /** Takes the file away, if it is still this server's: clients then see that nobody is there. */
  remove(): Promise<void>;
}

/**
 * Makes the server listen on `socketPath`; its folder is made with mode 0700 when missing. Throws STATE_LOCKED when
 * somebody answers there, STATE_UNUSABLE when the place cannot be used. Dispose it after the server was closed.
 */
export async function listenAt(server: SocketServer, socketPath: string): Promise<PlacedSocket> {
  try {
    await makeFolder(dirname(socketPath), 0o700);
    await checkFree(socketPath);
    return await bindAndMove(server, socketPath);
  } catch (error) {
    if (error instanceof KerneletError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KerneletError(
      'STATE_UNUSABLE',
      `cannot listen on ${socketPath}: ${reason}; choose another place with --socket`,
      { cause: error },
    );
  }
}

async function bindAndMove(server: SocketServer, socketPath: string): Promise<PlacedSocket> {
  const folder = await mkdtemp(join(dirname(socketPath), '.kernelet-'));
  try {
    const bound = join(folder, 's');
    const address = await openUnixAddress(bound);
    try {
      await listen(server, address.address);
      await chmod(bound, 0o600);
      const { dev, ino } = await stat(bound);
      await rename(bound, socketPath);
      return {
        async remove() {
          const there = await lstat(socketPath).catch(() => null);
          if (there?.dev === dev && there.ino === ino) await unlink(socketPath).catch(() => {});
        },
        [Symbol.asyncDispose]: () => address[Symbol.asyncDispose](),
      };
    } catch (error) {
      await address[Symbol.asyncDispose]();
      throw error;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function listen(server: SocketServer, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function checkFree(socketPath: string): Promise<void> {
  const there = await lstat(socketPath).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  });
  if (!there) return;
  if (!there.isSocket()) {
    throw new KerneletError('STATE_UNUSABLE', `${socketPath} exists and is not a socket; choose another with --socket`);
  }
  await using address = await openUnixAddress(socketPath);
  if (await answers(address.address)) {
    throw new KerneletError('STATE_LOCKED', `another daemon answers on ${socketPath}`);
  }
}

/** Whether somebody accepts connections; only a refusal proves that nobody does. */
function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!isSystemError(error, 'ECONNREFUSED', 'ENOENT')));
  });
}
