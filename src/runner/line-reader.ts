/** Cuts a byte stream into lines of JSON. */

/** A picture comes as one line, so lines may be long; what is longer than this is no driver's. */
const maxLineBytes = 32 * 1024 * 1024;
/** A peer that sends byte by byte costs the bytes, not an object for each. */
const maxPieces = 1024;
const newline = 0x0a;

/** The reader. */
export class LineReader {
  #pieces: Buffer[] = [];
  #held = 0;

  /** Takes bytes and returns the lines that they complete. Throws RangeError when one is too long. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#pieces.push(chunk.subarray(start, end));
      lines.push(Buffer.concat(this.#pieces).toString('utf8'));
      this.#pieces = [];
      this.#held = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#pieces.push(chunk.subarray(start));
      this.#held += chunk.length - start;
      if (this.#pieces.length >= maxPieces) this.#pieces = [Buffer.concat(this.#pieces)];
      if (this.#held > maxLineBytes) throw new RangeError(`a line is longer than ${maxLineBytes} bytes`);
    }
    return lines;
  }
}
