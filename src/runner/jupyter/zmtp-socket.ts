/** A client's socket of ZeroMQ, over a UNIX socket or the loopback: the shell around `zmtp.ts`. */
import { addAbortListener } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { isSystemError } from '../../lib/system-error.ts';
import { greeting, messageOf, pongCommand, readyCommand, subscribeToAll, ZmtpReader } from '../../protocol/zmtp.ts';

/** A program may print a great deal at once, and what widgets send along is a frame each. */
const bounds = { bytes: 128 * 1024 * 1024, frames: 1024 };

/** A place where a peer may listen. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

/** What a socket is, and who gets what comes in. */
export interface ZmtpSocketOptions {
  /** What it is: a dealer sends and gets messages, a subscriber gets everything that is published. */
  readonly type: 'DEALER' | 'SUB';
  /** The name by which the peer's router knows it. */
  readonly identity: string;
  message(frames: readonly Buffer[]): void;
  /** A message over the bounds has been left out. */
  leftOut(bytes: number): void;
}

/** A socket whose handshake is over. Dispose it. */
export class ZmtpSocket implements Disposable {
  readonly #socket: Socket;
  readonly #ready = Promise.withResolvers<void>();
  /** Resolves when no more comes, with what was wrong with what the peer sent, or null. */
  readonly closed: Promise<Error | null>;

  private constructor(socket: Socket, options: ZmtpSocketOptions) {
    this.#socket = socket;
    const reader = new ZmtpReader(bounds);
    let failure: Error | null = null;
    socket.on('error', () => {
      // It is closed then.
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const event of reader.push(chunk)) {
          if (event.kind === 'message') options.message(event.frames);
          else if (event.kind === 'left-out') options.leftOut(event.bytes);
          else if (event.kind === 'greeted') socket.write(readyCommand(options.type, options.identity));
          else if (event.kind === 'ping') socket.write(pongCommand(event.context));
          else {
            if (options.type === 'SUB') socket.write(subscribeToAll());
            this.#ready.resolve();
          }
        }
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        socket.destroy();
      }
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#ready.reject(failure ?? new Error('the connection was closed during the handshake'));
        resolve(failure);
      });
    });
    this.#ready.promise.catch(() => {}); // Told by `connect`.
    socket.write(greeting());
  }

  /**
   * Resolves with null where nobody listens yet, and with the socket when its handshake is over. Rejects with ZmtpError or the
   * system's error when that comes to nothing, also when the signal aborts.
   */
  static async connect(address: Address, options: ZmtpSocketOptions, signal: AbortSignal): Promise<ZmtpSocket | null> {
    const socket = createConnection({ ...address, noDelay: true });
    using _listener = addAbortListener(signal, () => socket.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('the connection was closed')));
      });
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ECONNREFUSED')) return null;
      throw error;
    }
    const connected = new ZmtpSocket(socket, options);
    await connected.#ready.promise;
    return connected;
  }

  send(frames: readonly Uint8Array[]): void {
    this.#socket.write(messageOf(frames));
  }

  /** Reads no more until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
