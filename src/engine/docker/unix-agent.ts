/** Connections to a UNIX socket for `node:http`, also where its path is longer than an address may be. */
import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { openUnixAddress } from '../../lib/unix-address.ts';

/** An http.Agent all of whose connections go to one socket, whatever the request's host. */
export class UnixAgent extends http.Agent {
  readonly #path: string;

  constructor(path: string, options: http.AgentOptions) {
    super(options);
    this.#path = path;
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    if (Buffer.byteLength(this.#path) <= 107 || !callback) return net.connect({ path: this.#path });
    this.#connectFar().then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), new net.Socket()),
    );
    return undefined;
  }

  async #connectFar(): Promise<net.Socket> {
    await using opened = await openUnixAddress(this.#path);
    const socket = net.connect({ path: opened.address });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return socket;
  }
}
