/** Connections of browsers to the terminal; the only module that imports `ws`. */
import type { IncomingMessage, Server } from 'node:http';
import { WebSocketServer } from 'ws';

/** A WebSocket connection with flow control both ways. */
export interface Connection {
  send(bytes: Uint8Array): void;
  /** Bytes that have not left yet. */
  readonly waiting: number;
  /** Takes no messages, but for a few that are here already, until `resume`. */
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  onMessage(listener: (bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  onDrain(listener: () => void): void;
}

/** Which connections are taken, and who serves them. */
export interface WebSocketOptions {
  readonly path: string;
  readonly protocol: string;
  readonly maxMessageBytes: number;
  readonly pingEveryMs: number;
  accept(connection: Connection, request: IncomingMessage): void;
}

/** Takes WebSocket connections on a server; a peer that does not answer pings is let go. */
export function serveWebSocket(server: Server, options: WebSocketOptions): void {
  const sockets = new WebSocketServer({
    server,
    path: options.path,
    maxPayload: options.maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(options.protocol) ? options.protocol : false),
  });
  sockets.on('connection', (socket, request) => {
    let answered = true;
    const pinging = setInterval(() => {
      // An answer is not heard meanwhile; a peer that is gone is reported by the system.
      if (!answered && !socket.isPaused) return socket.terminate();
      answered = false;
      socket.ping();
    }, options.pingEveryMs);
    let drained: () => void = () => {};
    socket.on('pong', () => {
      answered = true;
    });
    socket.on('close', () => clearInterval(pinging));
    // The close that follows is what counts.
    socket.on('error', () => {});
    options.accept(
      {
        send: (bytes) => socket.send(bytes, { binary: true }, () => drained()),
        get waiting() {
          return socket.bufferedAmount;
        },
        pause: () => socket.pause(),
        resume: () => {
          answered = true;
          socket.resume();
        },
        close: (code, reason) => {
          // Else what the peer says to that is not heard.
          socket.resume();
          socket.close(code, reason);
        },
        onMessage: (listener) =>
          void socket.on('message', (data) =>
            listener(
              Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : data,
            ),
          ),
        onClose: (listener) => void socket.on('close', listener),
        onDrain: (listener) => {
          drained = listener;
        },
      },
      request,
    );
  });
}
