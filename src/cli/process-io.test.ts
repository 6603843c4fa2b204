import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FdOutput, StdinInput } from './process-io.ts';

let folder: string;
let pipe: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-fd-'));
  pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('writes in order, every byte, also into a full pipe that does not block', async () => {
  const copy = join(folder, 'copy');
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  const output = new FdOutput(writer);
  const pieces = Array.from({ length: 40 }, (_, index) => Buffer.alloc(50_000, index));
  const written = Promise.all([...pieces.map((piece) => output.write(piece)), output.write('größe')]);
  const child = spawn('sh', ['-c', 'sleep 0.2; cat "$0" > "$1"', pipe, copy], { stdio: 'ignore' });
  const closed = once(child, 'close');
  await written;
  closeSync(writer);
  await closed;
  closeSync(reader);
  expect(readFileSync(copy).equals(Buffer.concat([...pieces, Buffer.from('größe')]))).toBe(true);
});

it('rejects with EPIPE when nobody reads any more, and goes on rejecting', async () => {
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(pipe, constants.O_WRONLY);
  closeSync(reader);
  const output = new FdOutput(writer);
  await expect(output.write('x')).rejects.toMatchObject({ code: 'EPIPE' });
  await expect(output.write('y')).rejects.toMatchObject({ code: 'EPIPE' });
  closeSync(writer);
});

it('rejects with EPIPE also when a socket is closed with bytes unread', async () => {
  const program = `
    import { FdOutput } from ${JSON.stringify(join(import.meta.dirname, 'process-io.ts'))};
    const output = new FdOutput(1);
    try { for (;;) await output.write('x'.repeat(1000)); } catch (error) { process.stderr.write(error.code); }`;
  // The standard streams that Node gives to a child are sockets.
  const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
  child.stdout.once('readable', () => setTimeout(() => child.stdout.destroy(), 100));
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  await once(child, 'close');
  expect(Buffer.concat(said).toString()).toBe('EPIPE');
});

it('says in a sentence that a disk is full', async () => {
  const fd = openSync('/dev/full', 'w');
  const output = new FdOutput(fd);
  expect([output.isTerminal, output.columns]).toEqual([false, 80]);
  await expect(output.write('x')).rejects.toMatchObject({
    code: 'FILE_ERROR',
    message: 'cannot write to standard output: ENOSPC',
  });
  closeSync(fd);
});

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
