/** Standard input of the command on its way to a program: all of it, or line by line for one that asks questions. */
import { hasCode, toKerneletError } from '../lib/errors.ts';
import type { ApiClient } from './api-client.ts';
import type { InputPort } from './host.ts';

/** Whose standard input is read, and which run gets it. */
export interface StdinPumpOptions {
  readonly client: Pick<ApiClient, 'stdin'>;
  readonly kernel: string;
  readonly run: string;
  readonly input: InputPort;
  /** Ends the pump and lets go of standard input. */
  readonly signal: AbortSignal;
}

/**
 * Sends pieces until the input ends, the program closes its side, or the signal. Resolves with null, or with a text
 * when input was lost. Never rejects.
 */
export async function pumpStdin(options: StdinPumpOptions): Promise<string | null> {
  const { client, kernel, run, input, signal } = options;
  if (!input.inForeground) return null;
  try {
    for await (const chunk of input.chunks(signal)) {
      const { open } = await client.stdin(kernel, run, chunk, false, signal);
      if (!open) return null;
    }
    if (!signal.aborted) await client.stdin(kernel, run, new Uint8Array(), true, signal);
    return null;
  } catch (error) {
    // The program may end while a piece is on its way.
    if (signal.aborted || hasCode(error, 'RUN_NOT_FOUND', 'KERNEL_NOT_RUNNING', 'KERNEL_DIED', 'KERNEL_NOT_FOUND')) {
      return null;
    }
    return `standard input was cut off: ${toKerneletError(error).message}`;
  }
}

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
    using _echoOff = options.password ? this.#input.silence() : undefined;
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
