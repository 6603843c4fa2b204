import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameDecoder, FrameError, maxFrameBytes, maxHeaderBytes, type RawFrame } from './frame.ts';

const joined = (pieces: readonly Uint8Array[]): Buffer => Buffer.concat(pieces);
const frame = fc.record({
  header: fc.dictionary(fc.string(), fc.jsonValue()),
  body: fc.uint8Array({ maxLength: 2000 }),
});
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const plain = (frames: readonly Pick<RawFrame, 'header' | 'body'>[]): unknown =>
  frames.map(({ header, body }) => ({ header, body: Buffer.from(body).toString('hex') }));

/** Cuts bytes at the given places, any order, any number. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(sorted[index - 1] ?? 0, end));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describe('frames', () => {
  it('come out as they went in, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 40 }), (frames, places) => {
        const bytes = joined(frames.flatMap(({ header, body }) => encodeFrame(header, body)));
        const decoder = new FrameDecoder();
        const out = cut(bytes, places).flatMap((chunk) => decoder.push(chunk));
        expect(plain(out)).toEqual(plain(frames.map(({ header, body }) => ({ header: asJson(header), body }))));
        expect(decoder.bufferedBytes).toBe(0);
      }),
    );
  });

  it('come out byte by byte', () => {
    const bytes = joined([...encodeFrame({ t: 'é' }, Buffer.from([0, 255])), ...encodeFrame({})]);
    const decoder = new FrameDecoder();
    const out = [...bytes].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
    expect(plain(out)).toEqual([
      { header: { t: 'é' }, body: '00ff' },
      { header: {}, body: '' },
    ]);
  });

  it('of garbage end in FrameError or stay incomplete, and never hold more than one frame', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 10 }), (chunks) => {
        const decoder = new FrameDecoder();
        try {
          for (const chunk of chunks) {
            decoder.push(chunk);
            expect(decoder.bufferedBytes).toBeLessThan(4 + maxFrameBytes);
          }
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FrameError);
        }
      }),
    );
  });

  it.each([0, 3, maxFrameBytes + 1, 0xffffffff])('with a length of %d are refused at once', (length) => {
    const problem = new FrameError(`frame length ${length} is out of bounds`);
    expect(() => new FrameDecoder().push(uint32(length))).toThrow(problem);
  });

  it.each([5, maxHeaderBytes + 1, 0xffffffff])('with a header of %d in a frame of 8 are refused', (headerLength) => {
    const bytes = Buffer.concat([uint32(8), uint32(headerLength), Buffer.from('{}  ')]);
    const problem = new FrameError(`frame header of ${headerLength} bytes is out of bounds`);
    expect(() => new FrameDecoder().push(bytes)).toThrow(problem);
  });

  it('with a header that is not JSON or not UTF-8 are refused', () => {
    for (const header of [Buffer.from('{'), Buffer.from([0x22, 0xff, 0x22])]) {
      const bytes = Buffer.concat([uint32(4 + header.length), uint32(header.length), header]);
      expect(() => new FrameDecoder().push(bytes)).toThrow(
        expect.objectContaining({ message: 'frame header is not JSON', cause: expect.any(Error) }),
      );
    }
  });

  it('of the greatest lengths go through, and one byte more does not', () => {
    const header = { a: 'x'.repeat(maxHeaderBytes - 8) };
    const body = new Uint8Array(maxFrameBytes - maxHeaderBytes - 4);
    const decoder = new FrameDecoder();
    const frames = encodeFrame(header, body).flatMap((piece) => decoder.push(piece));
    expect(frames).toMatchObject([{ header, headerBytes: maxHeaderBytes }]);
    expect(frames[0]?.body).toHaveLength(body.length);
    const problem = (bytes: number) => new FrameError(`frame of ${bytes} bytes is too long`);
    expect(() => encodeFrame(header, new Uint8Array(body.length + 1))).toThrow(problem(maxFrameBytes + 1));
    expect(() => encodeFrame({ a: `${header.a}x` })).toThrow(problem(maxHeaderBytes + 5));
  });

  it('that are not complete are counted byte by byte until they are', () => {
    const bytes = joined(encodeFrame({ t: 'data' }, Buffer.from('abc')));
    const decoder = new FrameDecoder();
    for (const [index, byte] of bytes.entries()) {
      expect(decoder.bufferedBytes).toBe(index);
      decoder.push(Uint8Array.of(byte));
    }
    expect(decoder.bufferedBytes).toBe(0);
    decoder.push(Buffer.concat([bytes, bytes.subarray(0, 6)]));
    expect(decoder.bufferedBytes).toBe(6);
  });

  it('that are too long are not encoded', () => {
    expect(() => encodeFrame({ a: 'x'.repeat(maxHeaderBytes) })).toThrow('is too long');
    expect(() => encodeFrame({}, new Uint8Array(maxFrameBytes))).toThrow('is too long');
    expect(encodeFrame({ t: 'end' })).toHaveLength(1);
  });

  it('in one large chunk are views of it, not copies', () => {
    const bytes = joined(Array.from({ length: 100 }, () => encodeFrame({ t: 'data' }, new Uint8Array(65_536))).flat());
    const frames = new FrameDecoder().push(bytes);
    expect(frames).toHaveLength(100);
    expect(frames.every(({ body }) => body.buffer === bytes.buffer)).toBe(true);
  });
});
