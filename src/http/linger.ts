/**
 * What becomes of a request that was answered before all of its body had come. A client that meets a closed socket while
 * it still sends reads no reply any more, so the rest is read and dropped: for as long as a busy client may take.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long the rest of a body is read; then the connection is closed. */
const lingerMs = 15_000;

/** Reads the rest of a request with a body when the reply has been written. Call it before the reply. */
export function lingerAfter(incoming: IncomingMessage, outgoing: ServerResponse): void {
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
