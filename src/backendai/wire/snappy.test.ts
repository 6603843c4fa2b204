import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { decompressSnappy, SnappyError } from './snappy.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'hex');

describe('decompressSnappy', () => {
  it('unpacks literals and copies, also those that overlap', () => {
    expect(Buffer.from(decompressSnappy(bytes('0a00611501'), 100)).toString()).toBe('aaaaaaaaaa');
    expect(Buffer.from(decompressSnappy(bytes('0308616263'), 100)).toString()).toBe('abc');
    expect(Buffer.from(decompressSnappy(bytes('06086162630a0300'), 100)).toString()).toBe('abcabc');
  });

  it('unpacks lengths and offsets of every size, up to what is wanted', () => {
    const text = Array.from({ length: 300 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
    const hex = (part: string) => Buffer.from(part).toString('hex');
    const unpacked = (input: string, maxBytes: number) =>
      Buffer.from(decompressSnappy(bytes(input), maxBytes)).toString();
    const [short, long] = [text.slice(0, 100), `f42b01${hex(text)}`];
    expect(unpacked(`64f063${hex(short)}`, 100)).toBe(short);
    expect(unpacked(`8001f07f${hex(text.slice(0, 128))}`, 128)).toBe(text.slice(0, 128));
    expect(unpacked(`ac02${long}`, 300)).toBe(text);
    expect(unpacked(`b002${long}212c`, 304)).toBe(`${text}abcd`);
    expect(unpacked(`ad02${long}022c01`, 301)).toBe(`${text}a`);
    expect(unpacked('06086162630b03000000', 6)).toBe('abcabc');
  });

  it.each([
    ['nothing', '', 'the block is cut off'],
    ['a length without an end', 'ffffffffffff', 'the length has no end'],
    ['a literal beyond the end', '0a2461', 'a literal is cut off'],
    ['a length of six bytes', 'ffffffffff01', 'the length has no end'],
    ['a literal of which a byte is missing', '0a086161', 'a literal is cut off'],
    ['a literal beyond the length', '01046162', 'a literal is cut off'],
    ['a second literal beyond the length', '03046162046364', 'a literal is cut off'],
    ['a copy before the beginning', '040500', 'a copy goes out of bounds'],
    ['a copy of what is not there yet', '0500610102', 'a copy goes out of bounds'],
    ['a copy of itself', '0500610100', 'a copy goes out of bounds'],
    ['a copy beyond the length', '0400610101', 'a copy goes out of bounds'],
    ['a copy from nowhere', '05006101', 'the block is cut off'],
    ['less than it says', '0a0061', 'the block is shorter than it says'],
    ['more than is wanted', 'e90700', '1001 bytes when unpacked are too many'],
  ])('refuses %s', (_, input, problem) => {
    expect(() => decompressSnappy(bytes(input), 1000)).toThrow(new SnappyError(problem));
  });

  it('survives any block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (block) => {
        try {
          decompressSnappy(block, 100_000);
        } catch (error) {
          expect(error).toBeInstanceOf(SnappyError);
        }
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });
});
