/** A container's log in pieces of exactly one size for Redis, wherever characters end (spec cluster-state 6). */

/** Cuts what is pushed into chunks; the last one is shorter. */
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
