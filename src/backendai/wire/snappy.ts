/** Raw Snappy blocks, reading only: peers may compress a frame, we never do (spec rpc 2.8). */

/** A block that is not Snappy, or that grows too large. */
export class SnappyError extends Error {
  override readonly name = 'SnappyError';
}

/** Unpacks a block of at most `maxBytes`. Throws SnappyError. */
export function decompressSnappy(block: Uint8Array, maxBytes: number): Uint8Array {
  const input = { bytes: block, at: 0 };
  const length = readLength(input);
  if (length > maxBytes) throw new SnappyError(`${length} bytes when unpacked are too many`);
  const output = new Uint8Array(length);
  let filled = 0;
  while (input.at < block.length) {
    const tag = little(input, 1);
    if ((tag & 3) === 0) {
      const short = tag >> 2;
      const size = 1 + (short < 60 ? short : little(input, short - 59));
      if (size > block.length - input.at || size > length - filled) throw new SnappyError('a literal is cut off');
      output.set(block.subarray(input.at, input.at + size), filled);
      input.at += size;
      filled += size;
      continue;
    }
    const near = (tag & 3) === 1;
    const size = near ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const offset = near ? ((tag >> 5) << 8) + little(input, 1) : little(input, (tag & 3) === 2 ? 2 : 4);
    if (offset === 0 || offset > filled || size > length - filled) throw new SnappyError('a copy goes out of bounds');
    for (let index = 0; index < size; index += 1, filled += 1) output[filled] = output[filled - offset] as number;
  }
  if (filled !== length) throw new SnappyError('the block is shorter than it says');
  return output;
}

interface Input {
  readonly bytes: Uint8Array;
  at: number;
}

function readLength(input: Input): number {
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = little(input, 1);
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length;
  }
  throw new SnappyError('the length has no end');
}

function little(input: Input, size: number): number {
  if (size > input.bytes.length - input.at) throw new SnappyError('the block is cut off');
  let value = 0;
  for (let index = 0; index < size; index += 1) value += (input.bytes[input.at + index] as number) * 2 ** (8 * index);
  input.at += size;
  return value;
}
