import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { StdinInput } from './stdin-input.ts';

it('gives pieces to the end, and opens the input by its first use only', async () => {
  let opened = 0;
  const input = new StdinInput(() => {
    opened += 1;
    return Readable.from([Buffer.from('a'), 'ö']);
  }, false);
  expect([input.isTerminal, input.inForeground, opened]).toEqual([false, true, 0]);
  const pieces: string[] = [];
  for await (const piece of input.chunks(new AbortController().signal)) pieces.push(Buffer.from(piece).toString());
  expect([pieces, opened]).toEqual([['a', 'ö'], 1]);
});

it('lets go of an input that says nothing when the signal aborts', async () => {
  const stream = new PassThrough();
  const stop = new AbortController();
  const chunks = new StdinInput(() => stream, false).chunks(stop.signal)[Symbol.asyncIterator]();
  const next = chunks.next();
  setTimeout(() => stop.abort(), 10);
  expect(await next).toEqual({ done: true, value: undefined });
  expect(stream.destroyed).toBe(true);
});

it('passes an error of the input on', async () => {
  const stream = new PassThrough();
  const next = new StdinInput(() => stream, false).chunks(new AbortController().signal)[Symbol.asyncIterator]().next();
  stream.destroy(new Error('EIO'));
  await expect(next).rejects.toThrow('EIO');
});
