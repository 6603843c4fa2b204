import { describe, expect, it } from 'vitest';
import { encodeLogPiece, encodeRunEvent } from '../http/sse.ts';
import type { NumberedRunEvent, RunEvent } from '../wire/run-event.ts';
import { decodeLogPiece, decodeRunEvent } from './run-event-decoder.ts';
import { SseParser } from './sse-parser.ts';

const dataOf = (bytes: Buffer): Buffer => new SseParser().push(bytes)[0]?.data ?? Buffer.alloc(0);
const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte));

describe('an event of a run', () => {
  it.each<readonly [RunEvent, Uint8Array]>([
    [{ kind: 'started' }, Buffer.alloc(0)],
    [{ kind: 'stdout' }, everyByte],
    [{ kind: 'stderr' }, Buffer.from('a')],
    [{ kind: 'stdout' }, Buffer.alloc(100_000, 7)],
    [{ kind: 'media', type: 'image/png' }, everyByte],
    // Looks like the member that is searched for, but inside of a text its quotes are escaped.
    [{ kind: 'waiting-input', prompt: ',"body":"', password: true }, Buffer.alloc(0)],
    [{ kind: 'finished', exitCode: -9, reason: 'memory-limit' }, Buffer.alloc(0)],
  ])('comes out as the API wrote it: %o', (event, body) => {
    const decoded = decodeRunEvent(dataOf(encodeRunEvent({ n: 7, event, body } as NumberedRunEvent)));
    expect({ ...decoded, body: Buffer.from(decoded.body) }).toEqual({ n: 7, event, body: Buffer.from(body) });
  });

  it.each([
    '',
    'x',
    '{"n":1,"event":{"kind":"stdout"},"body":"',
    '[]',
    'null',
    '{"n":1}',
    '{"n":"1","event":{"kind":"x"}}',
  ])('is a PROTOCOL_ERROR when it is %j', (text) => {
    expect(() => decodeRunEvent(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }));
  });
});

it('a piece of a log comes out as the API wrote it', () => {
  const piece = decodeLogPiece(dataOf(encodeLogPiece('stderr', everyByte)));
  expect(piece.stream).toBe('stderr');
  expect(Buffer.from(piece.data)).toEqual(everyByte);
});
