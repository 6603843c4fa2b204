/** A TCP proxy that misbehaves on demand: slow replies, half-open connections, cut ones. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the proxy does with what a server sends, and with new connections. */
export type ProxyMode =
  | { readonly kind: 'pass' }
  /** Every piece from the server comes so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Connections are accepted and stay open; nothing passes in either direction. */
  | { readonly kind: 'half-open' }
  /** What a server sends to a client is lost from where the client has said `word`; its connection is to be cut after that. */
  | { readonly kind: 'lose-replies'; readonly word: string };

/** A proxy in front of one server on this machine. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What it does from now on, also with connections that are open. */
  mode: ProxyMode = { kind: 'pass' };

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#serve(client));
  }

  /** Listens on a free port. */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The port it listens on. */
  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy does not listen');
    return address.port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    let isMuted = false;
    client.on('data', (piece) => {
      if (this.mode.kind === 'lose-replies') isMuted ||= piece.includes(this.mode.word);
      if (this.mode.kind !== 'half-open') server.write(piece);
    });
    server.on('data', (piece) => {
      if (isMuted) return;
      if (this.mode.kind === 'pass' || this.mode.kind === 'lose-replies') client.write(piece);
      if (this.mode.kind === 'slow') setTimeout(() => client.writable && client.write(piece), this.mode.delayMs);
    });
  }
}
