/**
 * Messages for peers that read too slowly. ZeroMQ holds a bounded number for each peer; what is above waits here, in
 * order and up to a bound of bytes, and what is above that is dropped: the peer asked for more than it reads.
 */

/** The bytes that wait for one peer, and for all, with what it takes to hold them. */
export interface BacklogLimits {
  readonly peerBytes: number;
  readonly totalBytes: number;
}

interface Line {
  messages: (readonly Uint8Array[])[];
  /** Index of the first message that has not gone: shifting a long array costs too much. */
  head: number;
  bytes: number;
}

/** What a frame takes beside its bytes: a peer may have asked for millions of tiny ones. */
const frameBytes = 256;
/** So many that have gone are let go of at once. */
const maxGone = 1024;

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

  /** Bytes that wait, with what it takes to hold them. */
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
    const line = this.#lines.get(peer) ?? { messages: [], head: 0, bytes: 0 };
    if (line.bytes + size > this.#limits.peerBytes || this.#bytes + size > this.#limits.totalBytes) return false;
    line.messages.push(message);
    line.bytes += size;
    this.#bytes += size;
    this.#lines.set(peer, line);
    return true;
  }

  /** The message that is next for the peer. */
  first(peer: string): readonly Uint8Array[] | undefined {
    const line = this.#lines.get(peer);
    return line?.messages[line.head];
  }

  /** The first message has gone. */
  shift(peer: string): void {
    const line = this.#lines.get(peer);
    const message = line?.messages[line.head];
    if (!line || !message) return;
    line.head += 1;
    line.bytes -= sizeOf(message);
    this.#bytes -= sizeOf(message);
    if (line.head === line.messages.length) this.#lines.delete(peer);
    else if (line.head >= maxGone && line.head * 2 >= line.messages.length) {
      line.messages = line.messages.slice(line.head);
      line.head = 0;
    }
  }

  /** Drops what waits for a peer that is gone. */
  forget(peer: string): void {
    this.#bytes -= this.#lines.get(peer)?.bytes ?? 0;
    this.#lines.delete(peer);
  }
}

function sizeOf(message: readonly Uint8Array[]): number {
  return message.reduce((sum, frame) => sum + frame.length + frameBytes, 0);
}
