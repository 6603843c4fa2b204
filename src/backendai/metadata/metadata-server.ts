/**
 * The metadata server: kernels ask it over HTTP, by the one address that the rules of their networks lead here, what they
 * are. It listens where the host does, so that whoever is no kernel gets nothing, and everything that comes in has a bound.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HostPort } from '../../config/settings.ts';
import { formatHostPort } from '../../config/value-types/address.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { listen } from '../../lib/listen.ts';
import type { Logger } from '../../lib/log.ts';
import { TokenBucket } from '../../lib/token-bucket.ts';
import { metadataAddress } from '../../network/firewall/rule-set.ts';
import type { Callers } from './callers.ts';
import {
  answerMetadata,
  type MetadataNode,
  type MetadataReply,
  tooMany,
  unanswered,
  unknownCaller,
} from './metadata-routes.ts';

/** What a server works with. */
export interface MetadataServerParts {
  readonly address: HostPort;
  readonly callers: Pick<Callers, 'knows' | 'learn' | 'holderOf' | 'kernelOf'>;
  readonly node: MetadataNode;
  readonly clock: Clock;
  readonly log: Logger;
  /** For a request to come in, and for its answer; 5 s when absent. */
  readonly requestMs?: number;
}

/** A listening server; disposing it closes its connections. */
export interface MetadataServer extends AsyncDisposable {
  /** Of this host, never a name. */
  readonly address: HostPort;
}

const maxHeaderBytes = 4 * 1024;
const usualRequestMs = 5_000;
const keepAliveMs = 5_000;
const requestsPerConnection = 100;
/** Of all kernels and strangers at a time. */
const maxConnections = 1024;
/** Of one address at a time, a kernel's or not. */
const perAddress = 16;
/** Of all who are not known yet: new kernels, and whoever else reaches this host. */
const ofStrangers = 512;
/** How long a kernel waits that has asked for too much: to be refused costs the daemon as much as to be answered. */
const tooManyMs = 1_000;
/** Requests of one kernel at once, and each second from then on. */
const rate = { burst: 200, perSecond: 50 };

/** Listens. Throws STATE_UNUSABLE when the address cannot be had. */
export async function startMetadataServer(parts: MetadataServerParts): Promise<MetadataServer> {
  const { address, log, requestMs = usualRequestMs } = parts;
  const door = new Door(parts);
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      ...{ requestTimeout: requestMs, headersTimeout: requestMs, keepAliveTimeout: keepAliveMs },
      connectionsCheckingInterval: requestMs / 5,
    },
    (request, response) => void door.serve(request, response),
  );
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = requestsPerConnection;
  server.on('connection', (socket: Socket) => door.admit(socket));
  const failed = (error: Error): void => log.error('the metadata server failed', { error });
  await listen(server, address, failed).catch((cause: Error) => {
    const text = `no metadata for kernels: ${formatHostPort(address)}: ${cause.message}; choose another agent.metadata-server-port`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause });
  });
  const bound = server.address();
  // What a name leads to, and the port where any would do.
  const own =
    typeof bound === 'object' && bound !== null
      ? { host: bound.address.replace(/^::ffff:/, ''), port: bound.port }
      : address;
  return { address: own, [Symbol.asyncDispose]: () => close(server) };
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** What all connections of strangers are counted by. */
const strangers = 'strangers';

/** IPv4 addresses as they are written, also where the server listens on both kinds. */
const plainAddress = (socket: Socket): string => (socket.remoteAddress ?? '').replace(/^::ffff:/, '');

/** Lets connections in, and answers them. */
class Door {
  readonly #parts: MetadataServerParts;
  /** How many connections there are of an address; those of strangers are also counted together. */
  readonly #open = new Map<string, number>();
  /** Whose a connection is; of connections that have asked for something. */
  readonly #holders = new WeakMap<Socket, ContainerId>();
  /** What kernels may ask still, by what holds their networks; a full one is as good as none. */
  readonly #buckets = new Map<ContainerId, TokenBucket>();

  constructor(parts: MetadataServerParts) {
    this.#parts = parts;
  }

  /** Closes what is too much. */
  admit(socket: Socket): void {
    const address = plainAddress(socket);
    const isKnown = this.#parts.callers.knows(address);
    const isFull = this.#count(address) >= perAddress;
    if (isFull || (!isKnown && this.#count(strangers) >= ofStrangers)) {
      socket.destroy();
      // A new kernel is no stranger when it tries again.
      if (!isKnown && !isFull) void this.#learn();
      return;
    }
    const keys = isKnown ? [address] : [address, strangers];
    for (const key of keys) this.#open.set(key, this.#count(key) + 1);
    socket.once('close', () => {
      for (const key of keys) {
        const left = this.#count(key) - 1;
        if (left > 0) this.#open.set(key, left);
        else this.#open.delete(key);
      }
    });
  }

  #count(key: string): number {
    return this.#open.get(key) ?? 0;
  }

  /** Never rejects. */
  async #learn(): Promise<void> {
    const { callers, log } = this.#parts;
    await callers
      .learn()
      .catch((error: unknown) => log.warn('it cannot be found out which kernels are new', { error }));
  }

  /** Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log } = this.#parts;
    let reply = unanswered;
    try {
      reply = await this.#answer(request);
    } catch (error) {
      log.warn('it cannot be found out which kernel asks for metadata', { error });
    }
    if (reply === tooMany) {
      // Nor is anything read meanwhile.
      request.socket.pause();
      await sleep(this.#parts.clock, tooManyMs);
    }
    if (response.destroyed) return;
    // Nothing that is sent along is read.
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    const closes = hasBody || [unknownCaller, unanswered, tooMany].includes(reply);
    const length = String(Buffer.byteLength(reply.body));
    response.writeHead(reply.status, {
      ...reply.headers,
      'content-length': length,
      ...(closes ? { connection: 'close' } : {}),
    });
    response.end(request.method === 'HEAD' ? '' : reply.body);
  }

  async #answer(request: IncomingMessage): Promise<MetadataReply> {
    const { callers, node, clock, requestMs: timeoutMs = usualRequestMs } = this.#parts;
    const { socket } = request;
    const address = plainAddress(socket);
    const connection = { address, port: socket.remotePort ?? 0, target: metadataAddress };
    const options = { what: 'finding out which kernel asks', timeoutMs, clock };
    const holder =
      this.#holders.get(socket) ?? (await withDeadline(options, ({ signal }) => callers.holderOf(connection, signal)));
    const kernel = holder === null ? null : callers.kernelOf(holder);
    if (holder === null || kernel === null) return unknownCaller;
    this.#holders.set(socket, holder);
    if (!this.#bucketOf(holder).take()) return tooMany;
    return answerMetadata(request.method ?? '', request.url ?? '', { address, environ: kernel.spec.environ }, node);
  }

  #bucketOf(holder: ContainerId): TokenBucket {
    const known = this.#buckets.get(holder);
    if (known) return known;
    for (const id of this.#buckets.keys()) if (this.#parts.callers.kernelOf(id) === null) this.#buckets.delete(id);
    const bucket = new TokenBucket({ clock: this.#parts.clock, ...rate });
    this.#buckets.set(holder, bucket);
    return bucket;
  }
}
