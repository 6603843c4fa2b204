import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogChunker } from './container-log.ts';

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

describe('a log in chunks', () => {
  it('is the same bytes, in pieces of one size', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), fc.integer({ min: 1, max: 40 }), (fragments, size) => {
        const chunker = new LogChunker(size);
        const chunks = [...fragments.flatMap((fragment) => chunker.push(fragment)), ...chunker.end()];
        expect(hex(Buffer.concat(chunks))).toBe(hex(Buffer.concat(fragments)));
        for (const chunk of chunks.slice(0, -1)) expect(chunk).toHaveLength(size);
        expect(chunks.at(-1)?.length ?? 1).toBeGreaterThan(0);
      }),
    );
  });
});
