/** The API on a UNIX socket that only its owner can open. The only module that knows `@hono/node-server`. */

import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createAdaptorServer } from '@hono/node-server';
import { type DescriptorBudget, descriptorsOfProcess } from '../lib/descriptor-budget.ts';
import { KerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiApp } from './operation.ts';
import { listenAt, type PlacedSocket } from './placed-socket.ts';
import { upgradesToPort } from './routes/ports.ts';
import { alreadySent } from './stream-reply.ts';

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
  log: Logger,
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
      // Others are answered as if they had not asked for another protocol.
      shouldUpgradeCallback: ({ url, headers }) => upgradesToPort(url, headers.upgrade),
    },
  }) as Server;
  server.maxConnections = maxConnections;
  server.on('upgrade', (incoming, socket, head) => {
    void answerUpgrade(app, incoming, socket, head, stopping.signal);
  });
  // Whoever connects while descriptors are scarce may try again; what they are kept for goes on.
  server.prependListener('connection', (socket) => {
    if (!descriptors.hasRoom) socket.destroy();
  });
  const place = await listenAt(server, socketPath, log);
  return {
    socketPath,
    async [Symbol.asyncDispose]() {
      await place.remove();
      await close(server, place, stopping);
      await place[Symbol.asyncDispose]();
    },
  };
}

/** Answers on a connection that asks for another protocol, by the same app: an answer in HTTP is its last. */
async function answerUpgrade(
  app: ApiApp,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  stopping: AbortSignal,
): Promise<void> {
  socket.on('error', () => {});
  try {
    if (!(socket instanceof Socket)) throw new TypeError('a server of sockets has another connection');
    socket.setTimeout(0);
    // The server knows these connections no more: one whose caller does not read would hold up its end.
    const endSoon = (): void => {
      const timer = setTimeout(() => socket.destroy(), closeTimeoutMs);
      socket.once('close', () => clearTimeout(timer));
    };
    stopping.addEventListener('abort', endSoon, { once: true });
    socket.once('close', () => stopping.removeEventListener('abort', endSoon));
    if (head.length > 0) socket.unshift(head);
    const outgoing = new ServerResponse(incoming);
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(socket);
    outgoing.once('finish', () => outgoing.socket?.destroySoon());
    // Node has the responses of its own connections told of it; without that one that has waited never goes on.
    socket.on('drain', () => {
      if (outgoing.socket === socket) outgoing.emit('drain');
    });
    const { method = 'GET', url = '/', headers } = incoming;
    const fields = Object.entries(headers).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
    const request = new Request(`http://kernelet${url}`, { method, headers: fields });
    const reply = await app.fetch(request, { incoming, outgoing, upgraded: socket, stopping });
    if (reply.headers.has(alreadySent)) return;
    outgoing.writeHead(reply.status, Object.fromEntries(reply.headers));
    outgoing.end(Buffer.from(await reply.arrayBuffer()));
  } catch {
    // Another request of this connection has not been answered yet, or it asks with a method that nobody may.
    socket.destroy();
  }
}

async function close(server: Server, place: PlacedSocket, stopping: AbortController): Promise<void> {
  stopping.abort(new KerneletError('SHUTTING_DOWN', 'the daemon is stopping'));
  const closed = place.close();
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
