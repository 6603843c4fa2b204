/**
 * HTTP between a caller of the API and a server in a kernel. Both sides are Node's own implementations of HTTP, so that what one
 * side takes for a message the other side sends as one; the server's side goes over a stream from the runner. A tenant's server
 * may do anything: it is waited for with deadlines, and what is not HTTP is an error of the port.
 */
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { IdleTimer, joinStreams } from './join-streams.ts';
import { answerHeaders, type ProxiedPlace, requestHeaders } from './proxied-headers.ts';

/** How long nothing may come, in milliseconds. */
export interface ProxyPatience {
  /** Until the server begins to answer, after the last piece of the request. */
  readonly answerMs: number;
  /** Until it begins to answer whether it goes on as another protocol. */
  readonly upgradeMs: number;
  /** While the answer goes on. */
  readonly answeringMs: number;
  /** Of a connection that goes on as another protocol. */
  readonly connectionMs: number;
}

/** Models think for minutes, streams of events are silent for longer, and terminals for hours; nobody thinks about a handshake. */
export const usualPatience: ProxyPatience = {
  answerMs: 300_000,
  upgradeMs: 60_000,
  answeringMs: 3_600_000,
  connectionMs: 4 * 3_600_000,
};

const maxHeaderBytes = 64 * 1024;

/** A request to be passed on. */
export interface ProxiedRequest {
  readonly incoming: IncomingMessage;
  /** On a connection that asks for another protocol: its bytes behind the head of the request. */
  readonly upgraded: Duplex | null;
  readonly outgoing: ServerResponse;
  readonly place: ProxiedPlace;
  /** The path and query that the server gets. */
  readonly path: string;
  /** The connection to the server; it is destroyed in any case. */
  readonly far: Duplex;
  readonly patience: ProxyPatience;
  readonly clock: Clock;
  /** Aborts when the caller has gone or the server stops. */
  readonly signal: AbortSignal;
}

/** Passes it on. Resolves when the answer has begun or the connection was joined. Rejects with PORT_FAILED, DEADLINE_EXCEEDED, INVALID_ARGUMENT. */
export async function proxyRequest(options: ProxiedRequest): Promise<void> {
  const { far, signal } = options;
  const end = (): void => void far.destroy();
  signal.addEventListener('abort', end, { once: true });
  far.once('close', () => signal.removeEventListener('abort', end));
  try {
    signal.throwIfAborted();
    await exchange(options, sendHead(options));
  } catch (error) {
    far.destroy();
    throw error;
  }
}

/** Begins the request to the server. */
function sendHead({ incoming, place, path, far, upgraded }: ProxiedRequest): ClientRequest {
  const { method = 'GET', rawHeaders, headers } = incoming;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    throw new KerneletError('INVALID_ARGUMENT', 'header transfer-encoding: other than chunked');
  }
  const upgrade = upgraded ? (headers.upgrade ?? null) : null;
  const fields = requestHeaders(rawHeaders, place, upgrade);
  const hasLength = !upgraded && (coding !== undefined || headers['content-length'] !== undefined);
  // Else Node would announce a body in chunks, though there is none.
  if (!hasLength && !bodiless.includes(method)) fields.push('Content-Length', '0');
  try {
    return request({
      ...{ method, path, headers: fields, setHost: false, maxHeaderSize: maxHeaderBytes, insecureHTTPParser: false },
      createConnection: () => far,
    });
  } catch (cause) {
    throw new KerneletError('INVALID_ARGUMENT', 'the request has what cannot be sent on', { cause });
  }
}

/** Methods for which Node assumes no body. */
const bodiless = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];

async function exchange(options: ProxiedRequest, sent: ClientRequest): Promise<void> {
  const { incoming, outgoing, upgraded, place, far, patience, clock, signal } = options;
  const answered = Promise.withResolvers<void>();
  const limitMs = upgraded ? patience.upgradeMs : patience.answerMs;
  const noAnswer = (): void => answered.reject(late(place.port, limitMs));
  using idle = new IdleTimer(clock, limitMs, noAnswer);
  incoming.on('data', () => idle.touch());
  // Node gives up other requests whose caller ends the connection; it knows this one no more.
  const gone = (): void => answered.reject(new KerneletError('CANCELLED', 'the client has ended the connection'));
  if (upgraded?.readableEnded) gone();
  upgraded?.once('end', gone);
  sent.on('error', (cause) => answered.reject(failed(place.port, cause)));
  // It may have ended before the request began, which then hears of nothing.
  const ended = (): void => answered.reject(failed(place.port, new Error('the connection has ended')));
  if (far.destroyed) ended();
  far.once('close', ended);
  sent.on('response', (answer) => {
    try {
      passAnswer(options, answer);
      answered.resolve();
    } catch (cause) {
      answered.reject(failed(place.port, cause));
    }
  });
  sent.on('upgrade', (answer, _, head) => {
    const protocol = answer.headers.upgrade;
    if (!upgraded || protocol === undefined) {
      answered.reject(failed(place.port, new Error('it goes on with another protocol, unasked')));
      return;
    }
    if (head.length > 0) far.unshift(head);
    switchProtocols(outgoing, answerHeaders(answer.rawHeaders, place, protocol));
    joinStreams(upgraded, far, { idleMs: patience.connectionMs, clock, signal });
    answered.resolve();
  });
  if (upgraded) sent.end();
  else incoming.pipe(sent);
  await answered.promise;
}

/** Sends the answer on as it comes. Throws what Node says of a head that it does not send. */
function passAnswer({ outgoing, place, far, patience, clock }: ProxiedRequest, answer: IncomingMessage): void {
  outgoing.writeHead(answer.statusCode ?? 502, answerHeaders(answer.rawHeaders, place, null));
  outgoing.flushHeaders();
  const idle = new IdleTimer(clock, patience.answeringMs, () => outgoing.destroy());
  answer.on('data', () => idle.touch());
  // One that breaks off must not look whole.
  answer.on('error', () => outgoing.destroy());
  outgoing.on('close', () => {
    idle[Symbol.dispose]();
    far.destroy();
  });
  answer.pipe(outgoing);
}

/** Answers that the connection goes on as another protocol; the connection is the caller's afterwards. */
export function switchProtocols(outgoing: ServerResponse, headers: readonly string[]): void {
  const { socket } = outgoing;
  outgoing.sendDate = false;
  outgoing.writeHead(101, [...headers]);
  outgoing.end();
  if (socket) outgoing.detachSocket(socket);
}

const late = (port: number, limitMs: number): KerneletError => {
  const seconds = Math.round(limitMs / 1000);
  return new KerneletError(
    'DEADLINE_EXCEEDED',
    `what listens on port ${port} of the kernel has not answered for ${seconds} s`,
  );
};

function failed(port: number, cause: unknown): KerneletError {
  const why = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
  return new KerneletError('PORT_FAILED', `what listens on port ${port} of the kernel gave no answer in HTTP: ${why}`, {
    cause,
  });
}
