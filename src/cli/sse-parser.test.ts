import { describe, expect, it } from 'vitest';
import { type ServerEvent, SseParser } from './sse-parser.ts';

const shown = (events: readonly ServerEvent[]) => events.map(({ id, type, data }) => [id, type, data.toString()]);
const parse = (text: string, size: number) => {
  const parser = new SseParser();
  const bytes = Buffer.from(text);
  const events: ServerEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.subarray(at, at + size)));
  return shown(events);
};

describe('a stream of server-sent events', () => {
  const text =
    ': comment\n\nid: 1\ndata: {"ü":"→"}\n\nevent: progress\r\ndata:no space\r\ndata: second\r\n\r\nretry: 5\nid\ndata\n\nevent: x\n\ndata: z\n\n';

  it('gives the same events wherever it is split', () => {
    const whole = parse(text, text.length * 4);
    expect(whole).toEqual([
      ['1', 'message', '{"ü":"→"}'],
      ['1', 'progress', 'no space\nsecond'],
      ['', 'message', ''],
      ['', 'message', 'z'],
    ]);
    for (let size = 1; size < 40; size += 1) expect(parse(text, size)).toEqual(whole);
  });

  it('gives no event that is not whole', () => {
    expect(parse('data: 1\n\ndata: 2\n', 3)).toEqual([[undefined, 'message', '1']]);
  });

  it('keeps a long line within its bound, and refuses one beyond', () => {
    const parser = new SseParser();
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 4; count += 1) expect(parser.push(piece)).toEqual([]);
    expect(() => parser.push(Buffer.from('x'))).toThrow('a line without end');
  });
});
