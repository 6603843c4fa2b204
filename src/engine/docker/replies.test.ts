import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonLines } from './replies.ts';

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

describe('JsonLines', () => {
  it('gives the same documents however the bytes are cut', () => {
    const document = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 4 });
    fc.assert(
      fc.property(fc.array(document), fc.array(fc.nat()), fc.boolean(), (documents, places, ended) => {
        const texts = documents.map((item) => JSON.stringify(item));
        const bytes = Buffer.from(texts.join('\r\n') + (ended ? '\r\n' : ''));
        const lines = new JsonLines();
        const got = [...cut(bytes, places).flatMap((part) => lines.push(part)), ...lines.end()];
        expect(got.map((item) => JSON.stringify(item))).toEqual(texts);
      }),
    );
  });

  it('never throws anything but ENGINE_FAILED, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        const lines = new JsonLines(50);
        try {
          for (const chunk of chunks) lines.push(chunk);
          lines.end();
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENGINE_FAILED' });
        }
      }),
    );
  });

  it('refuses a line without end, and a document that was cut', () => {
    expect(() => new JsonLines(10).push(Buffer.from('{"a":"aaaaaaaaaaaaa'))).toThrow(/more than 10/);
    const lines = new JsonLines();
    lines.push(Buffer.from('{"a":'));
    expect(() => lines.end()).toThrow(/not JSON/);
  });
});
