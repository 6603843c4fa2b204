/** Lines of standard input, for programs that ask a question. */
import type { InputPort } from './host.ts';

/** Reads one line at a time; what was read beyond it is kept for the next. */
export class LineReader {
  readonly #input: InputPort;
  readonly #signal: AbortSignal;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #rest = Buffer.alloc(0);

  /** The signal lets go of standard input. */
  constructor(input: InputPort, signal: AbortSignal) {
    this.#input = input;
    this.#signal = signal;
  }

  /** The next line without its end; null at the end of the input. A last line without an end counts as a line. */
  async next(options: { password: boolean }): Promise<string | null> {
    using _quiet = options.password ? this.#input.silence() : undefined;
    this.#chunks ??= this.#input.chunks(this.#signal)[Symbol.asyncIterator]();
    for (;;) {
      const end = this.#rest.indexOf('\n');
      if (end >= 0) {
        const line = this.#rest.toString('utf8', 0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line.endsWith('\r') ? line.slice(0, -1) : line;
      }
      const result = await this.#chunks.next();
      if (result.done) {
        if (this.#rest.length === 0) return null;
        const line = this.#rest.toString();
        this.#rest = Buffer.alloc(0);
        return line;
      }
      this.#rest = Buffer.concat([this.#rest, result.value]);
    }
  }
}
