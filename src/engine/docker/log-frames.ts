/**
 * Decodes the engine's multiplexed output: frames of an 8-byte head (stream, three zeroes, length in big endian) and
 * that many bytes. Payload is passed on as it arrives, so a frame of any length costs no memory.
 */
import { KerneletError } from '../../lib/errors.ts';
import type { LogChunk } from '../engine.ts';

const headBytes = 8;

/** Takes bytes as they come and gives back output. */
export class LogFrameDecoder {
  readonly #head = new Uint8Array(headBytes);
  #headFilled = 0;
  #stream: LogChunk['stream'] = 'stdout';
  #left = 0;

  /** The output that these bytes hold; the parts are views of `chunk`. Throws ENGINE_FAILED when they are no frames. */
  push(chunk: Uint8Array): readonly LogChunk[] {
    const output: LogChunk[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        at += this.#takeHead(chunk.subarray(at));
        continue;
      }
      const data = chunk.subarray(at, at + this.#left);
      this.#left -= data.length;
      at += data.length;
      output.push({ stream: this.#stream, data });
    }
    return output;
  }

  /** Whether the stream may end here: not in the middle of a frame. */
  get complete(): boolean {
    return this.#headFilled === 0 && this.#left === 0;
  }

  #takeHead(chunk: Uint8Array): number {
    const part = chunk.subarray(0, headBytes - this.#headFilled);
    this.#head.set(part, this.#headFilled);
    this.#headFilled += part.length;
    if (this.#headFilled < headBytes) return part.length;
    this.#headFilled = 0;
    const [kind = 0, ...zeroes] = this.#head.subarray(0, 4);
    if (kind > 2 || zeroes.some((byte) => byte !== 0)) {
      throw new KerneletError('ENGINE_FAILED', `the engine sent output with the head ${kind},${zeroes.join()}`);
    }
    this.#stream = kind === 2 ? 'stderr' : 'stdout';
    this.#left = new DataView(this.#head.buffer).getUint32(4);
    return part.length;
  }
}
