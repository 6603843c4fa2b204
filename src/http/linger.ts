/**
 * What becomes of a request that was answered before all of its body had come. A client that meets a closed socket while
 * it still sends reads no reply any more, so the rest is read and dropped: for as long as a busy client may take.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long the rest of a body is read; then the connection is closed. */
const lingerMs = 15_000;

/** Reads the rest of the request when the reply has been written. Call it before the reply. */
export function lingerAfter(incoming: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.once('finish', () => {
    if (incoming.complete || incoming.destroyed) return;
    const { socket } = incoming;
    const timer = setTimeout(() => socket.destroySoon(), lingerMs);
    incoming.once('close', () => clearTimeout(timer));
    // Whoever had begun to read would keep the rest, or pause when it has enough.
    incoming.removeAllListeners('data').on('data', () => {});
    incoming.resume();
  });
}
