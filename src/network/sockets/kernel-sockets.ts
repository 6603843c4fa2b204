/**
 * Sockets of this host on which the agent answers programs of one kernel: each kernel has a folder of its own, in which
 * nobody but the agent listens and which its container sees read-only. A folder and not a socket is mounted, so that a daemon
 * that is started again listens where the kernel looks. What connects is a tenant's, so its connections are bounded.
 */
import { chmod, unlink } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Clock, systemClock, type Timer } from '../../lib/clock.ts';
import type { KernelId } from '../../lib/ids.ts';
import { listen } from '../../lib/listen.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { TokenBucket } from '../../lib/token-bucket.ts';
import { openUnixAddress } from '../../lib/unix-address.ts';

/** What is served on one socket. */
export interface KernelSocket {
  /** Of its file in the folder. */
  readonly name: string;
  /** Takes a connection, and what becomes of it; it is closed with the kernel. */
  readonly serve: (connection: Socket) => void;
}

/** Of all kernels' connections together, and of one's. */
const limits = { all: 1024, kernel: 16 };
/** Connections that one socket takes, at once and in the long run: each costs the daemon time, be it that it is closed again. */
const rate = { burst: 2_000, perSecond: 100 };
/** How long nobody listens on a socket to which more is connected. */
const restMs = 1_000;

/** Disposing it closes all of them; the folders stay, for the next process. */
export class KernelSockets implements AsyncDisposable {
  readonly #hasRoom: () => boolean;
  readonly #clock: Clock;
  readonly #listening = new Map<KernelId, AsyncDisposable>();
  /** How many connections there are, of all kernels together. */
  #count = 0;

  /** `hasRoom`: whether this process can have another connection. */
  constructor(hasRoom: () => boolean, clock: Clock = systemClock) {
    this.#hasRoom = hasRoom;
    this.#clock = clock;
  }

  /** Listens in the kernel's folder, which has to be there, anew where it does already. Throws the system's error. */
  async open(kernel: KernelId, folder: string, sockets: readonly KernelSocket[]): Promise<void> {
    await this.close(kernel);
    await using listening = new AsyncDisposableStack();
    const connections = new Set<Socket>();
    listening.defer(() => {
      for (const connection of connections) connection.destroy();
    });
    for (const { name, serve } of sockets) {
      const take = (connection: Socket): void => this.#take(connection, connections, serve);
      listening.use(await RestingServer.open(join(folder, name), this.#clock, take));
    }
    this.#listening.set(kernel, listening.move());
  }

  /** Ends the kernel's connections and takes the sockets away. One that has none is success. */
  async close(kernel: KernelId): Promise<void> {
    const found = this.#listening.get(kernel);
    this.#listening.delete(kernel);
    await found?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#listening.keys()].map((kernel) => this.close(kernel)));
  }

  #take(connection: Socket, ofKernel: Set<Socket>, serve: KernelSocket['serve']): void {
    // It is closed then.
    connection.on('error', () => {});
    if (ofKernel.size >= limits.kernel || this.#count >= limits.all || !this.#hasRoom()) {
      connection.destroy();
      return;
    }
    ofKernel.add(connection);
    this.#count += 1;
    connection.on('close', () => {
      ofKernel.delete(connection);
      this.#count -= 1;
    });
    serve(connection);
  }
}

/** Listens at a path, but for a while after more connections than it takes. Disposing it takes no more; those that there are stay. */
class RestingServer implements AsyncDisposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #take: (connection: Socket) => void;
  readonly #rate: TokenBucket;
  #server: AsyncDisposable | null = null;
  #resting: Timer | null = null;
  /** Under way again after a rest. */
  #opening: Promise<void> = Promise.resolve();
  #isOpen = true;

  /** Resolves when it listens. Throws the system's error. */
  static async open(path: string, clock: Clock, take: (connection: Socket) => void): Promise<RestingServer> {
    const server = new RestingServer(path, clock, take);
    await server.#listen();
    return server;
  }

  private constructor(path: string, clock: Clock, take: (connection: Socket) => void) {
    this.#path = path;
    this.#clock = clock;
    this.#take = take;
    this.#rate = new TokenBucket({ clock, ...rate });
  }

  async #listen(): Promise<void> {
    await using made = new AsyncDisposableStack();
    // That of an earlier process.
    await unlink(this.#path).catch((error: unknown) => {
      if (!isSystemError(error, 'ENOENT')) throw error;
    });
    const { address } = made.use(await openUnixAddress(this.#path));
    const server = createServer({ allowHalfOpen: true }, (connection) => {
      this.#take(connection);
      if (!this.#rate.take()) void this.#rest();
    });
    made.defer(() => void server.close());
    await listen(server, { path: address });
    await chmod(this.#path, 0o666);
    if (this.#isOpen && !this.#resting) this.#server = made.move();
  }

  /** Never rejects: where it cannot listen again, it tries once more. */
  async #rest(): Promise<void> {
    if (!this.#isOpen || this.#resting) return;
    this.#resting = this.#clock.after(restMs, () => {
      this.#resting = null;
      this.#opening = this.#listen().catch(() => this.#rest());
    });
    await this.#close();
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#resting?.[Symbol.dispose]();
    // Else it could take away the socket of whoever listens there next.
    await this.#opening;
    await this.#close();
  }
}
