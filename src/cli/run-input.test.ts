import { expect, it } from 'vitest';
import { MemoryInput } from '../../test/support/cli-under-test.ts';
import { KerneletError } from '../lib/errors.ts';
import { LineReader, pumpStdin } from './run-input.ts';

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

type Stdin = Parameters<typeof pumpStdin>[0]['client']['stdin'];

/** Pumps the pieces into a program that answers as `take` says; what arrived, and the result. */
async function pump(
  pieces: readonly string[],
  take: (sent: number) => boolean | Error = () => true,
  change: (input: MemoryInput, stop: AbortController) => void = () => {},
) {
  const input = new MemoryInput();
  input.pieces = [...pieces];
  const stop = new AbortController();
  change(input, stop);
  const sent: string[] = [];
  const stdin: Stdin = async (_id, _run, body, eof) => {
    sent.push(`${Buffer.from(body)}${eof ? '<end>' : ''}`);
    const answer = take(sent.length);
    if (answer instanceof Error) throw answer;
    return { open: answer };
  };
  const lost = await pumpStdin({ client: { stdin }, kernel: 'k', run: 'r', input, signal: stop.signal });
  return { sent, lost };
}

it('everything arrives in order, and then the end', async () => {
  expect(await pump(['a', 'b'])).toEqual({ sent: ['a', 'b', '<end>'], lost: null });
});

it('a program that has closed its side gets no more', async () => {
  expect(await pump(['a', 'b'], () => false)).toEqual({ sent: ['a'], lost: null });
});

it('a terminal that belongs to another process group is not read', async () => {
  expect(
    await pump(['a'], undefined, (input) => {
      input.inForeground = false;
    }),
  ).toEqual({ sent: [], lost: null });
});

it('the signal ends it without an end of the input', async () => {
  const result = pump(['a'], undefined, (input, stop) => {
    input.open = true;
    setTimeout(() => stop.abort(), 10);
  });
  expect(await result).toEqual({ sent: ['a'], lost: null });
});

it('an end of the program meanwhile is no loss, anything else is reported', async () => {
  expect(await pump(['a'], () => new KerneletError('RUN_NOT_FOUND', 'x'))).toMatchObject({ lost: null });
  expect(await pump(['a'], () => new KerneletError('DAEMON_UNREACHABLE', 'it is gone'))).toMatchObject({
    lost: 'standard input was cut off: it is gone',
  });
});
