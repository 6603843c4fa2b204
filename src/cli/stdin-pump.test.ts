import { expect, it } from 'vitest';
import { MemoryInput } from '../../test/support/cli-under-test.ts';
import { KerneletError } from '../lib/errors.ts';
import { pumpStdin } from './stdin-pump.ts';

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

it('an end of the program meanwhile is no loss, anything else is told', async () => {
  expect(await pump(['a'], () => new KerneletError('RUN_NOT_FOUND', 'x'))).toMatchObject({ lost: null });
  expect(await pump(['a'], () => new KerneletError('DAEMON_UNREACHABLE', 'it is gone'))).toMatchObject({
    lost: 'standard input was cut off: it is gone',
  });
});
