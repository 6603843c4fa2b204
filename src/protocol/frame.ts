/**
 * Frames between agent and runner on the kernel's UNIX socket (design: agent and runner; spec kernel-runner 22.3).
 *
 *   ┌───────────────┬───────────────┬──────────────┬─────────────┐
 *   │ u32 BE length │ u32 BE header │ header: JSON │ body: bytes │
 *   │ of the rest   │ length        │ (UTF-8)      │ (the rest)  │
 *   └───────────────┴───────────────┴──────────────┴─────────────┘
 *
 * The header says what the frame is (`agent-frames.ts`, `runner-frames.ts`); the body carries output, input and file contents
 * untouched.
 */

/** The longest frame that either side accepts: everything after the first length. */
export const maxFrameBytes = 1024 * 1024;
/** The longest body that either side sends. */
export const maxBodyBytes = 256 * 1024;
/** The longest header that either side accepts. */
export const maxHeaderBytes = 512 * 1024;

/** Chunks are joined up to this size while they wait for the rest of their frame. */
const smallChunkBytes = 4096;

/** A frame as it comes off the wire: its header is JSON of any shape, to be checked by the reader. */
export interface RawFrame {
  readonly header: unknown;
  /** How long the header was on the wire: what it cost to read. */
  readonly headerBytes: number;
  readonly body: Uint8Array;
}

/** A frame that breaks the rules; the connection cannot go on. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

const empty = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Encodes a frame into the pieces to be written in order; the body is not copied. Throws FrameError when too long. */
export function encodeFrame(header: object, body: Uint8Array = empty): readonly Uint8Array[] {
  const headerBytes = encoder.encode(JSON.stringify(header));
  const rest = 4 + headerBytes.length + body.length;
  if (headerBytes.length > maxHeaderBytes || rest > maxFrameBytes)
    throw new FrameError(`frame of ${rest} bytes is too long`);
  const first = new Uint8Array(8 + headerBytes.length);
  const view = new DataView(first.buffer);
  view.setUint32(0, rest);
  view.setUint32(4, headerBytes.length);
  first.set(headerBytes, 8);
  return body.length === 0 ? [first] : [first, body];
}

/** Cuts a byte stream into frames. Feed it what arrives; it yields what is complete. */
export class FrameDecoder {
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  /** Bytes held for a frame that is not complete yet. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** Takes bytes and returns the frames that they complete. Throws FrameError; the decoder is useless afterwards. */
  push(chunk: Uint8Array): RawFrame[] {
    this.#keep(chunk);
    const frames: RawFrame[] = [];
    for (;;) {
      if (this.#buffered < 4) return frames;
      const length = this.#peekUint32();
      if (length < 4 || length > maxFrameBytes) throw new FrameError(`frame length ${length} is out of bounds`);
      if (this.#buffered < 4 + length) return frames;
      frames.push(parseFrame(this.#take(4 + length).subarray(4)));
    }
  }

  /** Small neighbours are joined: a peer that sends byte by byte costs the bytes, not a thousand objects a kilobyte. */
  #keep(chunk: Uint8Array): void {
    this.#buffered += chunk.length;
    const last = this.#chunks.at(-1);
    if (last === undefined || last.length + chunk.length > smallChunkBytes) {
      this.#chunks.push(chunk);
      return;
    }
    const joined = new Uint8Array(last.length + chunk.length);
    joined.set(last);
    joined.set(chunk, last.length);
    this.#chunks[this.#chunks.length - 1] = joined;
  }

  #peekUint32(): number {
    let value = 0;
    let seen = 0;
    for (const chunk of this.#chunks) {
      for (const byte of chunk) {
        value = value * 256 + byte;
        seen += 1;
        if (seen === 4) return value;
      }
    }
    return value;
  }

  #take(size: number): Uint8Array {
    const first = this.#chunks[0];
    this.#buffered -= size;
    if (first && first.length >= size) {
      if (first.length === size) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(size);
      return first.subarray(0, size);
    }
    const joined = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const chunk = this.#chunks[0];
      if (!chunk) throw new FrameError('the decoder lost count of its bytes');
      const part = chunk.subarray(0, size - filled);
      joined.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    return joined;
  }
}

function parseFrame(bytes: Uint8Array): RawFrame {
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  if (headerLength > maxHeaderBytes || headerLength > bytes.length - 4) {
    throw new FrameError(`frame header of ${headerLength} bytes is out of bounds`);
  }
  let header: unknown;
  try {
    header = JSON.parse(decoder.decode(bytes.subarray(4, 4 + headerLength)));
  } catch (cause) {
    throw new FrameError('frame header is not JSON', { cause });
  }
  return { header, headerBytes: headerLength, body: bytes.subarray(4 + headerLength) };
}
