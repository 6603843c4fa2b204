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

  it.each([
    ['nothing', ''],
    ['a length without an end', 'ffffffffffff'],
    ['a literal beyond the end', '0a2461'],
    ['a copy before the beginning', '040500'],
    ['less than it says', '0a0061'],
    ['more than it says', '01046162'],
    ['more than is wanted', 'ffff7f00'],
  ])('refuses %s', (_, input) => {
    expect(() => decompressSnappy(bytes(input), 1000)).toThrow(SnappyError);
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
