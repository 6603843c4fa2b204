/**
 * The door of the watcher: HTTP, or HTTPS, with a token in each request (spec config-and-ops 18.1). It runs as root and is
 * reached from other machines, so everything that comes in has a bound, and nothing is done or told before the token is right.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { HostPort } from '../../config/settings.ts';
import { formatHostPort } from '../../config/value-types/address.ts';
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { listen } from '../../lib/listen.ts';
import type { Logger } from '../../lib/log.ts';
import type { Access } from './access.ts';
import type { ClusterKeys } from './cluster-keys.ts';
import { type Route, replyOfError, type WatcherReply } from './route.ts';
import type { WatcherFigures } from './watcher-figures.ts';

export interface WatcherServerParts {
  readonly address: HostPort;
  /** PEM; null: without TLS. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  readonly keys: () => Pick<ClusterKeys, 'token' | 'isInsecure'>;
  /** Whether more than a question for the agent is answered while the token is insecure. */
  readonly allowsInsecureToken: boolean;
  readonly access: Access;
  readonly routes: readonly Route[];
  readonly figures: WatcherFigures;
  readonly clock: Clock;
  readonly log: Logger;
  /** For a connection to be ready, and for a request to come in; 10 s when absent. */
  readonly requestMs?: number;
}

/** A listening server; disposing it closes its connections. */
export interface WatcherServer extends AsyncDisposable {
  readonly address: HostPort;
}

const serverName = 'BackendAI-AgentWatcher';
const tokenHeader = 'x-backendai-watcher-token';
const maxConnections = 64;
const maxHeaderBytes = 8 * 1024;
const maxBodyBytes = 64 * 1024;
const usualRequestMs = 10_000;
const keepAliveMs = 5_000;

/** The text that the HTTP library of upstream's watcher gives to a status. */
const plain = (status: 403 | 404 | 405 | 429): WatcherReply => ({ status, body: `${status}: ${STATUS_CODES[status]}` });

/** Listens. Throws STATE_UNUSABLE when the address cannot be had, INVALID_CONFIG for certificates that are none. */
export async function startWatcherServer(parts: WatcherServerParts): Promise<WatcherServer> {
  const { address, log } = parts;
  const server = await makeServer(parts, (request, response) => {
    serve(parts, request, response).catch((error: unknown) => {
      log.error('a request to the watcher could not be answered', { error });
      response.destroy();
    });
  });
  server.maxConnections = maxConnections;
  server.keepAliveTimeout = keepAliveMs;
  const failed = (error: Error): void => log.error('the server of the watcher failed', { error });
  await listen(server, address, failed).catch((cause: Error) => {
    const text = `the watcher cannot listen on ${formatHostPort(address)}: ${cause.message}; choose another watcher.service-addr`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause });
  });
  const bound = server.address();
  return {
    address: { ...address, port: typeof bound === 'object' && bound !== null ? bound.port : address.port },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function makeServer(
  { tls, requestMs = usualRequestMs }: WatcherServerParts,
  listener: RequestListener,
): Promise<Server> {
  const options = {
    maxHeaderSize: maxHeaderBytes,
    ...{ requestTimeout: requestMs, headersTimeout: requestMs, handshakeTimeout: requestMs },
    // Without it Node looks every 30 s: so long would strangers who send nothing keep all others out.
    connectionsCheckingInterval: requestMs / 10,
  };
  if (tls === null) return createServer(options, listener);
  const https = await import('node:https');
  try {
    return https.createServer({ ...options, cert: tls.certificate, key: tls.key }, listener);
  } catch (cause) {
    const text = `watcher.ssl-cert and watcher.ssl-key: ${cause instanceof Error ? cause.message : cause}`;
    throw new KerneletError('INVALID_CONFIG', text, { cause });
  }
}

async function serve(parts: WatcherServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { figures, clock, log } = parts;
  const begun = clock.monotonic();
  const address = request.socket.remoteAddress ?? 'unknown';
  const [pathname = '', ...query] = (request.url ?? '').split('?');
  const route = parts.routes.find(({ path, method }) => path === pathname && method === request.method);
  const reply = refusalOf(parts, request, address, pathname) ?? (await answer(route, request, query.join('?')));
  send(response, reply);
  const { status } = reply;
  const name = route ? `${route.method} ${route.path}` : 'other';
  const durationMs = Math.round(clock.monotonic() - begun);
  figures.count(name, status);
  // Requests that are limited (429) may be so many that the log is not told of them.
  if (status === 403) log.warn('a request to the watcher is refused', { address, status });
  else if (route?.isAct) log.info('the watcher was asked for something', { address, route: name, status, durationMs });
}

/** Why a request is not looked at any closer; undefined: it is. */
function refusalOf(
  { keys, access, routes, allowsInsecureToken }: WatcherServerParts,
  { headers, method }: IncomingMessage,
  address: string,
  path: string,
): WatcherReply | undefined {
  const { token, isInsecure } = keys();
  const shown = headers[tokenHeader];
  const verdict = access.check(address, typeof shown === 'string' ? shown : undefined, token);
  if (verdict !== 'granted') return plain(verdict === 'limited' ? 429 : 403);
  if (isInsecure && !allowsInsecureToken && !(method === 'GET' && path === '/')) {
    return { status: 403, body: 'everybody knows the token: set config/watcher/token in etcd' };
  }
  const methods = routes.filter((route) => route.path === path);
  if (methods.length === 0) return plain(404);
  return methods.some((route) => route.method === method) ? undefined : plain(405);
}

async function answer(route: Route | undefined, request: IncomingMessage, query: string): Promise<WatcherReply> {
  if (!route) return plain(404);
  try {
    return await route.handle({ query: new URLSearchParams(query), body: jsonOf(await readBody(request)) });
  } catch (error) {
    return replyOfError(error, route.isJson);
  }
}

/** Throws TOO_LARGE, after which the reply can still be sent, and CANCELLED. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const pieces: Buffer[] = [];
  let bytes = 0;
  request.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes <= maxBodyBytes) pieces.push(piece);
    else {
      request.pause();
      reject(new KerneletError('TOO_LARGE', `the body has more than ${maxBodyBytes} bytes`));
    }
  });
  request.once('end', () => resolve(Buffer.concat(pieces)));
  request.once('error', (cause) => reject(new KerneletError('CANCELLED', 'the request was broken off', { cause })));
  return promise;
}

/** Undefined for an empty body. Throws INVALID_ARGUMENT. */
function jsonOf(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new KerneletError('INVALID_ARGUMENT', 'the body is not JSON', { cause });
  }
}

function send(response: ServerResponse, { status, body, type = 'text/plain; charset=utf-8' }: WatcherReply): void {
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify(body);
  response.writeHead(status, {
    server: serverName,
    'content-type': isText ? type : 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    // What is left of a request that was answered early is not read.
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(text);
}
