import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { FakeFrame, FakeRunner } from '../../test/support/fake-runner.ts';
import { RunnerPair } from '../../test/support/runner-pair.ts';
import type { FileChange } from '../protocol/kernel-files.ts';
import type { RunnerError } from '../protocol/runner-frames.ts';
import { FileWork } from './file-work.ts';

const never = new AbortController().signal;

let pair: RunnerPair;
let runner: FakeRunner;
let work: FileWork;
let clock: FakeClock;
beforeEach(async () => {
  pair = await RunnerPair.open({ listens: true });
  runner = pair.runner;
  clock = new FakeClock();
  work = new FileWork(pair.client, clock);
});
afterEach(() => pair[Symbol.asyncDispose]());

const archive = () => new Blob(['tar']).stream();

describe('a removal', () => {
  it('is asked for again until all is gone, and counts what went', async () => {
    let asked = 0;
    runner.answer = ({ method }) => {
      if (method !== 'remove-file') return undefined;
      asked += 1;
      return { result: { removed: 10, complete: asked === 3 } };
    };
    expect(await work.remove('a', true, never)).toEqual({ removed: 30 });
    expect(asked).toBe(3);
  });

  it('that has begun goes on when the runner has no room for a request, and is over when somebody else removes the rest', async () => {
    const failure = (code: string) => ({ error: { code, message: code } as RunnerError });
    const part = { result: { removed: 10, complete: false } };
    const answers = [part, failure('OVERLOADED'), part, failure('OVERLOADED'), failure('FILE_NOT_FOUND')];
    runner.answer = ({ method }) => (method === 'remove-file' ? answers.shift() : undefined);
    const removing = work.remove('a', true, never);
    for (const left of [3, 1]) {
      await expect.poll(() => [answers.length, clock.pending]).toEqual([left, 1]);
      await clock.advance(1000);
    }
    expect(await removing).toEqual({ removed: 20 });
  });

  it.each(['OVERLOADED', 'FILE_NOT_FOUND'] as const)('that is refused at once with %s has not begun', async (code) => {
    runner.answer = ({ method }) => (method === 'remove-file' ? { error: { code, message: 'no' } } : undefined);
    await expect(work.remove('a', true, never)).rejects.toMatchObject({ code });
  });

  it('of what never ends is given up', async () => {
    runner.answer = ({ method }) =>
      method === 'remove-file' ? { result: { removed: 1, complete: false } } : undefined;
    await expect(work.remove('a', true, never)).rejects.toMatchObject({
      code: 'FILE_ERROR',
      message: '"a" is too large, or grows meanwhile: 60 files are gone, not all',
    });
  });
});

// @promise runner-generations
it('a runner of an older generation is asked for nothing that it does not know, and the error says what to do', async () => {
  await using old = await RunnerPair.open({ listens: false });
  old.runner.protocol = 5;
  await old.runner.listen(old.path);
  const oldWork = new FileWork(old.client, clock);
  const refused = [
    () => oldWork.stat('a', false, never),
    () => oldWork.makeFolder('a', never),
    () => oldWork.move('a', 'b', false, never),
    () => oldWork.remove('a', false, never),
    () => oldWork.unpack('a', archive(), never),
    () => oldWork.watch('a', { recursive: false, signal: never }),
  ];
  for (const ask of refused) {
    await expect(ask()).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringMatching(/made by an older kernelet, which .*`kernelet restart` it/),
    });
  }
  expect(old.runner.headers.filter(({ t }) => t === 'request')).toEqual([]);
});

it('an archive goes over a connection of its own, and its answer has to fit what was sent', async () => {
  runner.uploadResult = (bytes) => ({ bytes, files: 2, skipped: [], skippedCount: 0 });
  expect(await work.unpack('a', archive(), never)).toEqual({ bytes: 3, files: 2, skipped: [], skippedCount: 0 });
  runner.uploadResult = () => ({ bytes: 4, files: 2, skipped: [], skippedCount: 0 });
  await expect(work.unpack('a', archive(), never)).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
});

it('an archive whose files take their time to get to their places has its answer, and its kernel is not idle meanwhile', async () => {
  await using impatient = await RunnerPair.open({ listens: true, transferTimeoutMs: 50 });
  const sent = Promise.withResolvers<void>();
  impatient.runner.uploadResult = () => {
    sent.resolve();
    return null;
  };
  expect(impatient.client.busy()).toBe(false);
  const unpacking = new FileWork(impatient.client, clock).unpack('a', archive(), never);
  await sent.promise;
  expect(impatient.client.busy()).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const result = { bytes: 3, files: 1, skipped: [], skippedCount: 0 };
  for (const { role, socket } of impatient.runner.connections) {
    if (role === 'file') impatient.runner.sendTo(socket, { t: 'reply', id: 1, ok: true, result });
  }
  expect(await unpacking).toEqual(result);
  await expect.poll(() => impatient.client.busy()).toBe(false);
});

describe('a watch', () => {
  const opened: FakeFrame = [{ t: 'reply', id: 1, ok: true, result: null }];
  const data = (text: string): FakeFrame => [{ t: 'data' }, Buffer.from(text)];
  const end: FakeFrame = [{ t: 'end' }];
  const collect = async (): Promise<FileChange[]> => {
    const seen: FileChange[] = [];
    for await (const change of await work.watch('w', { recursive: true, signal: never })) seen.push(change);
    return seen;
  };

  it('tells each change, however its line is cut, and ends with the folder', async () => {
    const change = { type: 'created', path: 'ü', file: 'file' };
    const bytes = Buffer.from(`\n${JSON.stringify(change)}\n\n`);
    const pieces = [...bytes].map((byte): FakeFrame => [{ t: 'data' }, Buffer.from([byte])]);
    runner.downloads.set('w', [opened, data('{"type":"watching","path":"/w"}\n'), ...pieces, end]);
    expect(await collect()).toEqual([{ type: 'watching', path: '/w' }, change]);
  });

  it.each([
    ['what is no JSON', 'x\n'],
    ['what is no change', '{"type":"renamed"}\n'],
    ['a line without an end', 'x'.repeat(70_000)],
    ['nothing but empty lines', '\n'.repeat(5000)],
  ])('of a tenant who sends %s fails', async (_, text) => {
    runner.downloads.set('w', [opened, data(text), end]);
    await expect(collect()).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
  });

  it('ends its connection when its reader leaves, and when its signal says so', async () => {
    runner.downloads.set('w', [opened, data('{"type":"watching","path":"/w"}\n')]);
    for await (const _ of await work.watch('w', { recursive: true, signal: never })) {
      expect(pair.client.busy()).toBe(true);
      break;
    }
    await expect.poll(() => pair.client.busy()).toBe(false);
    const stop = new AbortController();
    const watched = await work.watch('w', { recursive: true, signal: stop.signal });
    const changes = watched[Symbol.asyncIterator]();
    await changes.next();
    stop.abort(new Error('enough'));
    await expect(changes.next()).rejects.toThrow('enough');
    await expect.poll(() => [...runner.connections].filter(({ role }) => role === 'file')).toEqual([]);
  });
});
