import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeRunner } from '../../test/support/fake-runner.ts';
import { RunnerPair } from '../../test/support/runner-pair.ts';
import type { FileEntry } from '../protocol/kernel-files.ts';
import { listFiles } from './kernel-files.ts';
import type { RunnerClient } from './runner-client.ts';
import type { RunnerConnection } from './runner-connection.ts';

const never = new AbortController().signal;
const mebibyte = new Uint8Array(1024 * 1024).fill(7);

let pair: RunnerPair;
let runner: FakeRunner;
let client: RunnerConnection;

beforeEach(async () => {
  pair = await RunnerPair.open({ listens: true });
  ({ runner, client } = pair);
});
afterEach(() => pair[Symbol.asyncDispose]());

/** A source of `count` chunks that says how many were taken and whether it was cancelled. */
function source(count: number): { content: ReadableStream<Uint8Array>; taken: () => number; cancelled: () => boolean } {
  let taken = 0;
  let cancelled = false;
  const content = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (taken === count) return controller.close();
        taken += 1;
        controller.enqueue(mebibyte);
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { content, taken: () => taken, cancelled: () => cancelled };
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const noFileLeft = async (): Promise<void> => {
  while ([...runner.connections].some(({ role }) => role === 'file')) await pause(1);
};

describe('an upload', () => {
  it('arrives whole, in pieces that the frames can carry', async () => {
    const { content } = source(20);
    expect(await client.upload('a', content, { mode: 0o644, signal: never })).toEqual({ bytes: 20 * 1024 * 1024 });
    expect(runner.headers.filter(({ t }) => t === 'data')).toHaveLength(80);
    await noFileLeft();
  });

  it('of a folder is refused to a runner that would make a file of it', async () => {
    expect(await client.upload('a/', source(0).content, { mode: null, signal: never })).toEqual({ bytes: 0 });
    runner.protocol = 1;
    const upload = client.upload('a/', source(0).content, { mode: null, signal: never });
    await expect(upload).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await noFileLeft();
  });

  it('takes no more from its source than the runner takes', async () => {
    const { content, taken } = source(1000);
    const stop = new AbortController();
    const upload = client.upload('a', content, { mode: null, signal: stop.signal });
    while (![...runner.connections].some(({ role }) => role === 'file')) await pause(1);
    for (const { role, socket } of runner.connections) if (role === 'file') socket.pause();
    await pause(50);
    const before = taken();
    await pause(30);
    expect(taken()).toBe(before);
    expect(before).toBeLessThan(100);
    stop.abort(new Error('enough'));
    await expect(upload).rejects.toThrow('enough');
  });

  it("ends early with the runner's error and cancels its source", async () => {
    runner.answer = ({ method }) =>
      method === 'upload' ? { error: { code: 'FILE_ERROR', message: 'disk full' } } : undefined;
    const { content, cancelled } = source(1_000_000);
    const upload = client.upload('a', content, { mode: null, signal: never });
    await expect(upload).rejects.toMatchObject({ code: 'FILE_ERROR', message: 'disk full' });
    expect(cancelled()).toBe(true);
    await noFileLeft();
  });

  it('fails with what its source fails with, and leaves no connection', async () => {
    const content = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('torn')) });
    await expect(client.upload('a', content, { mode: null, signal: never })).rejects.toThrow('torn');
    await noFileLeft();
  });

  it('opens no connection for a place that the runner would refuse', async () => {
    const { content } = source(1);
    const upload = client.upload('a\0b', content, { mode: null, signal: never });
    await expect(upload).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(client.download('a'.repeat(5000), never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(runner.headers.filter((header) => header.t === 'hello' && header.role === 'file')).toEqual([]);
  });

  it('fails with CONNECTION_LOST when the connection breaks', async () => {
    const upload = client.upload('a', new ReadableStream(), { mode: null, signal: never });
    while (![...runner.connections].some(({ role }) => role === 'file')) await pause(1);
    runner.disconnect();
    await expect(upload).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

describe('a download', () => {
  it('returns the form first and then every byte', async () => {
    const file = new Uint8Array(3_000_000).map((_, index) => index % 251);
    runner.files.set('a', file);
    const { content, ...header } = await client.download('a', never);
    expect(header).toEqual({ form: 'file', size: file.length, name: 'a', mode: 0o640 });
    expect(Buffer.compare(Buffer.from(await new Response(content).arrayBuffer()), file)).toBe(0);
    await noFileLeft();
  });

  it("rejects with the runner's code", async () => {
    await expect(client.download('absent', never)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await noFileLeft();
  });

  it('leaves what its reader does not take with the runner, and ends when it is cancelled', async () => {
    runner.files.set('a', new Uint8Array(50_000_000));
    const { content } = await client.download('a', never);
    const reader = content.getReader();
    await reader.read();
    await pause(50);
    const [file] = [...runner.connections].filter(({ role }) => role === 'file');
    expect(file?.socket.bytesWritten).toBeLessThan(5_000_000);
    await reader.cancel();
    await noFileLeft();
  });

  it('fails with the reason of the signal, with a broken connection, and with the end of the kernel', async () => {
    runner.files.set('a', new Uint8Array(50_000_000));
    const stop = new AbortController();
    const stopped = await client.download('a', stop.signal);
    const broken = await client.download('a', never);
    const ended = await client.download('a', never);
    stop.abort(new Error('enough'));
    await expect(new Response(stopped.content).arrayBuffer()).rejects.toThrow('enough');
    runner.disconnect();
    await expect(new Response(broken.content).arrayBuffer()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    client.ended({ exitCode: 0, detail: '' });
    await expect(new Response(ended.content).arrayBuffer()).rejects.toMatchObject({
      code: expect.stringMatching(/CONNECTION_LOST|KERNEL_DIED/),
    });
  });
});

describe('a listing of a folder', () => {
  const never = new AbortController().signal;
  const entry = (filename: string): FileEntry => ({
    filename,
    type: 'file',
    size: 0,
    mode: '-rw-r--r--',
    permissions: '644',
    uid: null,
    gid: null,
    target: null,
    ctime: 1,
    mtime: 1,
    atime: 1,
  });

  /** A runner whose replies have one entry each, and say that more follow as long as this is true. */
  function listingRunner(hasMore: (from: number) => boolean) {
    const asked: number[] = [];
    const request = async (_: string, { from }: { readonly from: number }) => {
      asked.push(from);
      return { path: '/home/work', files: [entry(`f${from}`)], next: hasMore(from) ? from + 1 : null };
    };
    return { asked, client: { request } as unknown as Pick<RunnerClient, 'request'> };
  }

  it('gathers the entries of all replies', async () => {
    const { asked, client } = listingRunner((from) => from < 2);
    const { path, files } = await listFiles(client, '.', never);
    expect([path, files.map(({ filename }) => filename), asked]).toEqual(['/home/work', ['f0', 'f1', 'f2'], [0, 1, 2]]);
  });

  it('gives up a folder without an end, and a runner that goes in circles', async () => {
    const endless = listingRunner(() => true);
    await expect(listFiles(endless.client, 'all', never)).rejects.toMatchObject({ code: 'FILE_ERROR' });
    expect(endless.asked).toHaveLength(48);
    const circle = { request: async () => ({ path: '/', files: [entry('a')], next: 0 }) };
    const { files } = await listFiles(circle as unknown as Pick<RunnerClient, 'request'>, '.', never);
    expect(files).toHaveLength(1);
  });
});
