import { describe, expect, it } from 'vitest';
import { LineReader } from './line-reader.ts';

describe('a line reader', () => {
  it('finds the same lines however the bytes are cut', () => {
    const text = Buffer.from('{"a":"é☃🎉"}\n\nlast\nrest');
    for (let size = 1; size <= text.length; size += 1) {
      const reader = new LineReader();
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size) lines.push(...reader.push(text.subarray(at, at + size)));
      expect(lines).toEqual(['{"a":"é☃🎉"}', '', 'last']);
    }
  });

  it('keeps a line whole that comes byte by byte', () => {
    const reader = new LineReader();
    const text = 'abc'.repeat(5000);
    const lines = [...Buffer.from(`${text}\n`)].flatMap((byte) => reader.push(Buffer.from([byte])));
    expect(lines).toEqual([text]);
  });

  it('gives up on a line without an end', () => {
    const reader = new LineReader();
    const piece = Buffer.alloc(8 * 1024 * 1024, 'x');
    expect(() => {
      for (let count = 0; count < 5; count += 1) reader.push(piece);
    }).toThrow(RangeError);
  });
});
