import { expect, it } from 'vitest';
import { encodeLogPiece } from '../http/sse.ts';
import { decodeLogPiece } from './log-piece.ts';
import { SseParser } from './sse-parser.ts';

it('a piece of a log comes out as the API wrote it', () => {
  const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  const data = new SseParser().push(encodeLogPiece('stderr', everyByte))[0]?.data ?? Buffer.alloc(0);
  const piece = decodeLogPiece(data);
  expect(piece.stream).toBe('stderr');
  expect(Buffer.from(piece.data)).toEqual(everyByte);
});

it.each(['', '[', 'null', '{"stream":"stdout"}'])('what is no piece is a PROTOCOL_ERROR: %j', (text) => {
  expect(() => decodeLogPiece(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }));
});
