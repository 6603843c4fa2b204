/**
 * Messages for peers that read too slowly. ZeroMQ holds a bounded number for each peer; what is above waits here, in
 * order and up to a bound of bytes, and what is above that is dropped: the peer asked for more than it reads.
 */

/** The bytes that wait for one peer, and for all. */
export interface BacklogLimits {
  readonly peerBytes: number;
  readonly totalBytes: number;
}

interface Line {
  readonly messages: (readonly Uint8Array[])[];
  bytes: number;
}

/** Lines of messages by peer. */
export class PeerBacklog {
  readonly #limits: BacklogLimits;
  readonly #lines = new Map<string, Line>();
  #bytes = 0;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  /** Peers for whom something waits. */
  get peers(): readonly string[] {
    return [...this.#lines.keys()];
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether something waits for the peer: then a new message goes behind it. */
  has(peer: string): boolean {
    return this.#lines.has(peer);
  }

  /** Adds a message; false when it is dropped for want of room. */
  add(peer: string, message: readonly Uint8Array[]): boolean {
    const size = sizeOf(message);
    const line = this.#lines.get(peer) ?? { messages: [], bytes: 0 };
    if (line.bytes + size > this.#limits.peerBytes || this.#bytes + size > this.#limits.totalBytes) return false;
    line.messages.push(message);
    line.bytes += size;
    this.#bytes += size;
    this.#lines.set(peer, line);
    return true;
  }

  /** The message that is next for the peer. */
  first(peer: string): readonly Uint8Array[] | undefined {
    return this.#lines.get(peer)?.messages[0];
  }

  /** The first message has gone. */
  shift(peer: string): void {
    const line = this.#lines.get(peer);
    const message = line?.messages.shift();
    if (!line || !message) return;
    line.bytes -= sizeOf(message);
    this.#bytes -= sizeOf(message);
    if (line.messages.length === 0) this.#lines.delete(peer);
  }

  /** The peer is gone. */
  forget(peer: string): void {
    this.#bytes -= this.#lines.get(peer)?.bytes ?? 0;
    this.#lines.delete(peer);
  }
}

function sizeOf(message: readonly Uint8Array[]): number {
  return message.reduce((sum, frame) => sum + frame.length, 0);
}
