/** Transfers with a runner, or a file worker behind it, that lies about lengths. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { FakeFrame, FakeRunner } from '../../test/support/fake-runner.ts';
import { RunnerPair } from '../../test/support/runner-pair.ts';
import type { RunnerConnection } from './runner-connection.ts';

const never = new AbortController().signal;
const letters = (text: string): FakeFrame => [{ t: 'data' }, Buffer.from(text)];
const end: FakeFrame = [{ t: 'end' }];
const reply = (result: object): FakeFrame => [
  { t: 'reply', id: 1, ok: true, result: { form: 'file', size: 4, name: 'f', ...result } },
];
const failed: FakeFrame = [{ t: 'reply', id: 1, ok: false, error: { code: 'FILE_ERROR', message: 'EIO' } }];

let pair: RunnerPair;
let clock: FakeClock;
let runner: FakeRunner;
let client: RunnerConnection;
beforeEach(async () => {
  clock = new FakeClock();
  pair = await RunnerPair.open({ listens: true, clock, probeIntervalMs: 1e9 });
  ({ runner, client } = pair);
  await client.ready(never);
});
afterEach(() => pair[Symbol.asyncDispose]());

/** The bytes that came, and the code and text of the error behind them. */
async function read(...script: readonly FakeFrame[]): Promise<{ text: string; error: unknown }> {
  runner.downloads.set('f', script);
  let text = '';
  try {
    const { content } = await client.download('f', never);
    for await (const piece of content) text += Buffer.from(piece).toString();
    return { text, error: null };
  } catch (error) {
    return { text, error };
  }
}
const filesOpen = () => [...runner.connections].filter(({ role }) => role === 'file').length;
const noFileLeft = () => expect.poll(filesOpen).toBe(0);
/** Moves time on until the promise is settled. */
async function passing<T>(promise: Promise<T>, stepMs: number): Promise<T> {
  const over = new AbortController();
  const settled = promise.finally(() => over.abort());
  settled.catch(() => {}); // It may reject between two steps.
  for (let step = 0; step < 200 && !over.signal.aborted; step += 1) {
    await pause(5);
    if (!over.signal.aborted) await clock.advance(stepMs);
  }
  return await settled;
}

describe('a download', () => {
  it.each<readonly [string, readonly FakeFrame[]]>([
    ['a surplus in the same piece', [reply({}), letters('abcdHTTP/1.1 200'), end]],
    ['a surplus in pieces of its own', [reply({}), letters('ab'), letters('cd'), letters('HTTP/1.1 200'), end]],
    ['no word of the end', [reply({}), letters('abcd')]],
    ['a failure behind its last byte', [reply({}), letters('abcd'), failed]],
  ])('has the bytes that were announced with %s', async (_, script) => {
    expect(await read(...script)).toEqual({ text: 'abcd', error: null });
    await noFileLeft();
  });

  it('of an empty file is over at once, whatever follows', async () => {
    expect(await read(reply({ size: 0 }))).toEqual({ text: '', error: null });
    expect(await read(reply({ size: 0 }), letters('x'), end)).toEqual({ text: '', error: null });
    await noFileLeft();
  });

  // @promise forged-replies
  it.each([0, 3])('that ends after %d bytes fails at once and says so', async (bytes) => {
    const script = [reply({}), ...(bytes === 0 ? [] : [letters('abc')]), end];
    const message = `"f" became shorter while it was read: ${bytes} of 4 bytes came`;
    expect(await read(...script)).toEqual({
      text: 'abc'.slice(0, bytes),
      error: expect.objectContaining({ code: 'FILE_ERROR', message }),
    });
    await noFileLeft();
  });

  it('fails with what went wrong in the middle', async () => {
    const error = expect.objectContaining({ code: 'FILE_ERROR', message: 'EIO' });
    expect(await read(reply({}), letters('ab'), failed)).toEqual({ text: 'ab', error });
    await noFileLeft();
  });

  it.each<readonly [string, readonly FakeFrame[]]>([
    ...[-1, 0.5, 1e300, 2 ** 53, '4', null].map(
      (size) => [`a size of ${size}`, [reply({ size }), letters('a')]] as const,
    ),
    ['a tar stream with a size', [reply({ form: 'tar' }), letters('abcd'), end]],
    ['content first', [letters('abcd'), reply({}), end]],
    ['an end first', [end, reply({})]],
    ['a second announcement', [reply({}), reply({ size: 9 }), letters('abcd'), end]],
    ['a piece of nothing', [reply({}), [{ t: 'data' }], letters('abcd'), end]],
  ])('with %s is refused', async (_, script) => {
    expect(await read(...script)).toEqual({ text: '', error: expect.objectContaining({ code: 'PROTOCOL_ERROR' }) });
    await noFileLeft();
  });

  it.each<readonly [string, readonly FakeFrame[]]>([
    ['is never announced', []],
    ['stands still', [reply({}), letters('ab')]],
    ['is an archive that stands still', [reply({ form: 'tar', size: null }), letters('ab')]],
  ])('that %s ends, and leaves no timer', async (_, script) => {
    const pending = clock.pending;
    const { text, error } = await passing(read(...script), 1_000);
    const message = 'the transfer of "f" has made no progress for 90 s';
    expect([text, error]).toEqual([
      script.length === 0 ? '' : 'ab',
      expect.objectContaining({ code: 'DEADLINE_EXCEEDED', message }),
    ]);
    await noFileLeft();
    expect(clock.pending).toBe(pending);
  });

  it('has no deadline while its reader takes its time', async () => {
    runner.downloads.set('f', [reply({}), letters('ab'), letters('cd'), end]);
    const { content } = await client.download('f', never);
    await clock.advance(1_000_000);
    expect(await new Response(content).text()).toBe('abcd');
  });
});

describe('an upload', () => {
  const content = () => new Blob(['abcd']).stream();
  const upload = (stream = content()) => client.upload('f', stream, { mode: null, signal: never });

  it.each([3, 5, -1, 4.5])('of which %d bytes are said to have arrived has failed', async (bytes) => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    runner.uploadResult = () => {
      resolve();
      return { bytes };
    };
    await expect(upload()).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    await ended;
    await noFileLeft();
  });

  it('that is said to be there before it was sent has failed', async () => {
    runner.answer = ({ method }) => (method === 'upload' ? { result: { bytes: 4 } } : undefined);
    const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (it) => it.enqueue(Buffer.from('abcd')) });
    await expect(upload(endless)).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    await noFileLeft();
  });

  it('that is never answered, or never taken, ends', async () => {
    const pending = clock.pending;
    runner.uploadResult = () => null;
    const message = 'the transfer of "f" has made no progress for 90 s';
    await expect(passing(upload(), 1_000)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', message });
    const much = upload(new Blob([new Uint8Array(20_000_000)]).stream());
    much.catch(() => {}); // It may reject before it is awaited.
    await expect.poll(filesOpen).toBe(1);
    for (const { role, socket } of runner.connections) if (role === 'file') socket.pause();
    await expect(passing(much, 1_000)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', message });
    expect(clock.pending).toBe(pending);
  });
});
