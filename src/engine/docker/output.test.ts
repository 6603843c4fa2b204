import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogChunk } from '../engine.ts';
import { LogFrameDecoder } from './output.ts';

function frame(stream: LogChunk['stream'], data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(8);
  head[0] = stream === 'stderr' ? 2 : 1;
  head.writeUInt32BE(data.length, 4);
  return Buffer.concat([head, data]);
}

/** Joins neighbours of the same stream, so that only the order of bytes counts. */
function joined(chunks: readonly LogChunk[]): [string, string][] {
  const result: [string, string][] = [];
  for (const { stream, data } of chunks) {
    const hex = Buffer.from(data).toString('hex');
    const last = result.at(-1);
    if (last?.[0] === stream) last[1] += hex;
    else if (hex !== '') result.push([stream, hex]);
  }
  return result;
}

const chunk = fc.record({ stream: fc.constantFrom('stdout' as const, 'stderr' as const), data: fc.uint8Array() });

describe('LogFrameDecoder', () => {
  it('gives every byte to its stream, in order, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(chunk), fc.integer({ min: 1, max: 20 }), (chunks, size) => {
        const bytes = Buffer.concat(chunks.map(({ stream, data }) => frame(stream, data)));
        const decoder = new LogFrameDecoder();
        const got: LogChunk[] = [];
        for (let at = 0; at < bytes.length; at += size) got.push(...decoder.push(bytes.subarray(at, at + size)));
        expect(joined(got)).toEqual(joined(chunks));
        expect(decoder.complete).toBe(true);
      }),
    );
  });

  it('never throws anything but ENGINE_FAILED, and never gives more bytes than came', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        const decoder = new LogFrameDecoder();
        let came = 0;
        let given = 0;
        try {
          for (const part of parts) {
            came += part.length;
            for (const { data } of decoder.push(part)) given += data.length;
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENGINE_FAILED' });
        }
        expect(given).toBeLessThanOrEqual(came);
      }),
    );
  });

  it('knows that a stream was cut', () => {
    const decoder = new LogFrameDecoder();
    decoder.push(frame('stdout', Buffer.from('abc')).subarray(0, 9));
    expect(decoder.complete).toBe(false);
  });
});
