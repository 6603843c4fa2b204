import { expect, it } from 'vitest';
import { MemoryInput } from '../../test/support/cli-under-test.ts';
import { LineReader } from './line-reader.ts';

const reader = (...pieces: (string | Uint8Array)[]) => {
  const input = new MemoryInput();
  input.pieces = pieces;
  return { input, lines: new LineReader(input, new AbortController().signal) };
};

it('lines come one by one, however the input is cut, and then null', async () => {
  const bytes = Buffer.from('größe\r\n\nb\nlast');
  const { lines } = reader(...Array.from(bytes, (byte) => Uint8Array.of(byte)));
  const got: (string | null)[] = [];
  for (let count = 0; count < 6; count += 1) got.push(await lines.next({ password: false }));
  expect(got).toEqual(['größe', '', 'b', 'last', null, null]);
});

it('the echo is off exactly while a password is asked for', async () => {
  const { input, lines } = reader('a\n', 'b\n');
  const seen: number[] = [];
  const { chunks } = input;
  input.chunks = async function* (signal) {
    for await (const chunk of chunks.call(input, signal)) {
      seen.push(input.silenced);
      yield chunk;
    }
  };
  await lines.next({ password: false });
  await lines.next({ password: true });
  expect(seen).toEqual([0, 1]);
  expect(input.silenced).toBe(0);
});
