/** The log of an ended container, kept in Redis until the manager has taken it (spec cluster-state 6). */
import { randomUUID } from 'node:crypto';
import { bytesOf } from './event-stream.ts';
import type { RedisLink } from './link.ts';

const expiryS = '3600';

/** Whose log it is, and in what pieces it goes where. */
export interface ContainerLogOptions {
  readonly link: RedisLink;
  /** The full id of 64 digits. */
  readonly containerId: string;
  /** Bytes of a chunk, whatever characters it cuts. */
  readonly chunkBytes: number;
}

/**
 * Stores the log in chunks under a name of its own and gives it its real one when it is whole, so that an attempt that
 * failed leaves nothing and may be repeated. Gives the number of chunks; none of an empty log, which makes no key.
 * Throws REDIS_UNAVAILABLE, REDIS_REFUSED, and what the log throws.
 */
export async function storeContainerLog(log: AsyncIterable<Uint8Array>, options: ContainerLogOptions): Promise<number> {
  const { link, containerId, chunkBytes } = options;
  const key = `containerlog.${containerId}`;
  const unfinished = `${key}.${randomUUID()}`;
  let chunks = 0;
  for await (const chunk of cut(log, chunkBytes)) {
    await link.transact([
      ['RPUSH', unfinished, bytesOf(chunk)],
      ['EXPIRE', unfinished, expiryS],
    ]);
    chunks += 1;
  }
  if (chunks > 0) {
    await link.transact([
      ['RENAME', unfinished, key],
      ['EXPIRE', key, expiryS],
    ]);
  }
  return chunks;
}

/** The same bytes in pieces of one size; the last one may be shorter. */
async function* cut(pieces: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array, void> {
  const chunker = new LogChunker(size);
  for await (const piece of pieces) yield* chunker.push(piece);
  yield* chunker.end();
}

/** Cuts what is pushed into chunks of exactly one size, wherever characters end; the last one is shorter. */
export class LogChunker {
  readonly #size: number;
  #pending: Uint8Array[] = [];
  #bytes = 0;

  /** `size` in bytes. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Takes a fragment and returns the chunks that it completes. */
  push(fragment: Uint8Array): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    let rest = fragment;
    while (this.#bytes + rest.length >= this.#size) {
      const taken = rest.subarray(0, this.#size - this.#bytes);
      rest = rest.subarray(taken.length);
      chunks.push(Buffer.concat([...this.#pending, taken]));
      this.#pending = [];
      this.#bytes = 0;
    }
    if (rest.length > 0) {
      // A copy: the fragment may be part of a much larger buffer.
      this.#pending.push(rest.slice());
      this.#bytes += rest.length;
    }
    return chunks;
  }

  /** What is left, if anything. */
  end(): Uint8Array[] {
    const last = this.#bytes === 0 ? [] : [Buffer.concat(this.#pending)];
    this.#pending = [];
    this.#bytes = 0;
    return last;
  }
}
