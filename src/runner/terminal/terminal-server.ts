/**
 * The web terminal of a kernel (spec kernel-runner 11.4, 23.6): a page at `/` and a shell behind it, for whoever reaches
 * the port. It runs with the tenant's ids and only while it is used: the runner listens, starts it with the first
 * connection, and listens again when it has ended for lack of users.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, Socket } from 'node:net';
import { serveTerminal } from './terminal-session.ts';
import { TerminalSessions } from './terminal-sessions.ts';
import { serveWebSocket } from './websocket.ts';

/** Its options, which come as JSON on its standard input. */
export interface TerminalOptions {
  /** A login shell with its arguments. */
  readonly argv: readonly string[];
  /** The shell that becomes it. */
  readonly launcher: string;
  readonly environ: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly title: string;
  /** Whether it is reached from this machine alone, as far as its port goes. */
  readonly isLocal: boolean;
}

const descriptors = { listening: 3, first: 4 };
const idleMs = 60_000;
const maxConnections = 64;
const maxMessageBytes = 1024 * 1024;
/** Proxies cut connections that are silent for longer. */
const pingEveryMs = 20_000;

const script = 'text/javascript; charset=utf-8';
const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', script],
  '/xterm.js': ['xterm.js', script],
  '/addon-fit.js': ['addon-fit.js', script],
  '/xterm.css': ['xterm.css', 'text/css; charset=utf-8'],
};
const policy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src 'self' data:";

/** A server that listens nowhere yet. `folder` has the page's files. */
export function terminalServer(
  options: TerminalOptions,
  folder: string,
  sessions = new TerminalSessions(options),
): Server {
  const token = randomBytes(16).toString('base64url');
  // Else any site could show it below what people think they type into. Gates of clusters show it in pages of theirs.
  const framers = options.isLocal ? "; frame-ancestors 'self'" : '';
  const server = createServer((request, response) => answer(request, response, folder, token, framers));
  server.maxConnections = maxConnections;
  serveWebSocket(server, {
    ...{ path: '/ws', protocol: 'tty', maxMessageBytes, pingEveryMs },
    accept: (connection, request) =>
      serveTerminal(connection, {
        shell: (session, size) => sessions.get(session, size),
        title: options.title,
        isAllowed: (sent) =>
          (sent === token || isOfThisServer(request)) && !(options.isLocal && isOfAnotherName(request)),
      }),
  });
  return server;
}

/**
 * Whether a connection is not made by another site's page: programs name no origin, and our page names this host.
 * Behind a gate that changes the host the page shows its token.
 */
function isOfThisServer({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

/**
 * Whether the browser calls this host by a name of its own making: any site can let its name lead to the browser's own
 * machine, and is then of this host, token and all.
 */
function isOfAnotherName({ headers }: IncomingMessage): boolean {
  if (headers.origin === undefined) return false;
  const place = `http://${headers.host ?? ''}`;
  if (!URL.canParse(place)) return true;
  const { hostname } = new URL(place);
  const isOwn = hostname === 'localhost' || hostname.endsWith('.localhost');
  return !isOwn && isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
}

const plain = 'text/plain; charset=utf-8';

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  token: string,
  framers: string,
): void {
  const { method = '', url = '/' } = request;
  const [status, type, body] = replyTo(method, url.split('?', 1)[0] ?? '/', folder, token);
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': policy + framers,
    'Cache-Control': 'no-cache',
  });
  response.end(method === 'HEAD' ? '' : body);
}

type Reply = readonly [status: number, type: string, body: string | Buffer];

function replyTo(method: string, path: string, folder: string, token: string): Reply {
  if (method !== 'GET' && method !== 'HEAD') return [405, plain, 'only GET is served\n'];
  if (path === '/token') return [200, 'application/json', JSON.stringify({ token })];
  const found = Object.hasOwn(files, path) ? files[path] : undefined;
  return found ? [200, found[1], readFileSync(`${folder}/${found[0]}`)] : [404, plain, 'there is nothing here\n'];
}

/** Serves on the descriptors that the runner has given, until nobody has been here for a while and no shell waits for anybody. */
export function serveGivenSockets(server: Server, sessions: TerminalSessions): void {
  const waitForNobody = (): NodeJS.Timeout =>
    setTimeout(() => {
      if (sessions.isEmpty) process.exit(0);
      idle = waitForNobody();
    }, idleMs);
  let idle = waitForNobody();
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    clearTimeout(idle);
    socket.once('close', () => {
      open -= 1;
      if (open === 0) idle = waitForNobody();
    });
  });
  server.listen({ fd: descriptors.listening });
  server.emit('connection', new Socket({ fd: descriptors.first, readable: true, writable: true }));
}
