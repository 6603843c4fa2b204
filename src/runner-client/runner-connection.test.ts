import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeRunner, readyStatus } from '../../test/support/fake-runner.ts';
import { collect, RunnerPair, until } from '../../test/support/runner-pair.ts';
import { KerneletError } from '../lib/errors.ts';
import { parseRunId } from '../lib/ids.ts';
import { RunnerConnection } from './runner-connection.ts';

const run = parseRunId('r1');
const query = { run, request: { mode: 'query', code: '1', timeoutMs: null } } as const;
const never = new AbortController().signal;
const options = { violationPauseMs: 1, lastOutputMs: 5000 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const finished = { kind: 'finished', exitCode: 0, reason: 'exited' } as const;

let pair: RunnerPair;
let folder: string;
let path: string;
let runner: FakeRunner;
let client: RunnerConnection;

beforeEach(async () => {
  pair = await RunnerPair.open({ ...options, listens: false });
  ({ folder, path, runner, client } = pair);
});
afterEach(() => pair[Symbol.asyncDispose]());

describe('ready() of a runner client', () => {
  it('waits for a runner that does not listen yet, then for its ready status', async () => {
    runner.status = { ...readyStatus, phase: 'starting' };
    const ready = client.ready(never);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await runner.listen(path);
    await until(() => client.status()?.phase === 'starting');
    runner.broadcast({ t: 'status', status: readyStatus });
    expect(await ready).toEqual(readyStatus);
  });

  it('rejects when the runner has failed, naming its reason', async () => {
    runner.status = { ...readyStatus, phase: 'failed', detail: 'no such interpreter' };
    await runner.listen(path);
    await expect(client.ready(never)).rejects.toMatchObject({
      code: 'RUNNER_NOT_READY',
      message: expect.stringContaining('no such interpreter'),
    });
  });

  it('rejects with the reason of the signal', async () => {
    await expect(client.ready(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  it('gives up at once when the secret is refused', async () => {
    await using other = new RunnerConnection({ socketPath: path, secret: 'wrong' }, options);
    await runner.listen(path);
    await expect(other.ready(never)).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    await expect(other.request('ping', null, { signal: never })).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    await expect(collect(other.events(run, 0, never))).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
  });

  it('says NOT_SUPPORTED when there is no common protocol', async () => {
    runner.greeting = 'refuse-protocol';
    await runner.listen(path);
    await expect(client.ready(never)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it('goes on trying while the greeting does not come', async () => {
    runner.greeting = 'mute';
    await runner.listen(path);
    await using other = new RunnerConnection({ socketPath: path, secret: 'secret' }, { greetingTimeoutMs: 50 });
    await until(() => runner.headers.length > 2);
    runner.greeting = 'welcome';
    expect((await other.ready(never)).phase).toBe('ready');
  });

  it('reaches a socket whose path is longer than an address', async () => {
    const deep = join(folder, 'd'.repeat(120));
    await mkdir(deep);
    await using far = new FakeRunner();
    // The server may not listen there itself: it comes through a short name.
    await symlink(deep, join(folder, 's'));
    await far.listen(join(folder, 's', 'runner.sock'));
    await using other = new RunnerConnection({ socketPath: join(deep, 'runner.sock'), secret: 'secret' }, options);
    expect((await other.ready(never)).phase).toBe('ready');
  });
});

describe('requests to a runner', () => {
  it('wait for the connection and return the result', async () => {
    const result = client.request('complete', { code: 'pri', cursor: 3 }, { signal: never });
    await runner.listen(path);
    expect(await result).toEqual({ matches: ['pri'] });
  });

  // @promise runner-generations
  it('end the input of a program, unless the runner is too old to know that', async () => {
    await runner.listen(path);
    await client.request('input', { run, text: null }, { signal: never });
    expect(runner.headers).toContainEqual(expect.objectContaining({ method: 'input', params: { run, text: null } }));
    runner.protocol = 1;
    runner.disconnect();
    await until(() => client.invariantViolations().reconnects === 1);
    const late = client.request('input', { run, text: null }, { signal: never });
    await expect(late).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await client.request('input', { run, text: 'Ada' }, { signal: never });
  });

  it("rejects with the runner's code", async () => {
    runner.answer = () => ({ error: { code: 'RUN_EXISTS', message: 'other contents' } });
    await runner.listen(path);
    await expect(client.request('execute', query, { signal: never })).rejects.toMatchObject({ code: 'RUN_EXISTS' });
  });

  it('forgets a cancelled request and counts its late reply', async () => {
    runner.answer = () => null;
    await runner.listen(path);
    const cancel = new AbortController();
    const request = client.request('ping', null, { signal: cancel.signal });
    await until(() => runner.headers.some(({ t }) => t === 'request'));
    cancel.abort(new Error('no longer'));
    await expect(request).rejects.toThrow('no longer');
    runner.broadcast({ t: 'reply', id: 1, ok: true, result: null });
    await until(() => client.invariantViolations().orphanedReplies === 1);
  });

  it('repeats execute on the next connection, but never standard input', async () => {
    await runner.listen(path);
    await client.ready(never);
    runner.answer = () => null;
    const execute = client.request('execute', query, { signal: never });
    const stdin = client.request('stdin', { run, eof: false }, { signal: never, body: bytes('x') });
    await until(() => runner.headers.filter(({ t }) => t === 'request').length >= 2);
    runner.answer = () => undefined;
    runner.disconnect();
    await expect(stdin).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(await execute).toEqual({ existing: false });
  });

  it('refuses a result of another form', async () => {
    runner.answer = () => ({ result: { matches: 'all' } });
    await runner.listen(path);
    const request = client.request('complete', { code: '', cursor: 0 }, { signal: never });
    await expect(request).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
  });

  it('refuses a body that is too long, and too many at once', async () => {
    const long = { signal: never, body: new Uint8Array(256 * 1024 + 1) };
    await expect(client.request('stdin', { run, eof: false }, long)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const many = Array.from({ length: 1024 }, () => client.request('ping', null, { signal: never }));
    for (const one of many) one.catch(() => {});
    await expect(client.request('ping', null, { signal: never })).rejects.toMatchObject({ code: 'OVERLOADED' });
  });
});

describe('a runner that misbehaves', () => {
  // @promise runner-violations
  it('is given up after three violations of the protocol', async () => {
    await runner.listen(path);
    client.subscribe(({ type }) => type === 'connected' && runner.writeRaw(bytes('\xff\xff\xff\xffgarbage')));
    await until(() => client.invariantViolations().violations === 3);
    await expect(client.request('ping', null, { signal: never })).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
  });

  it('is left and found again when it no longer answers', async () => {
    await runner.listen(path);
    const impatient = { probeIntervalMs: 10, probeTimeoutMs: 20 };
    await using other = new RunnerConnection({ socketPath: path, secret: 'secret' }, impatient);
    await other.ready(never);
    runner.answer = () => null;
    await until(() => other.invariantViolations().reconnects >= 1);
    runner.answer = () => undefined;
    await other.request('ping', null, { signal: never });
  });
});

describe('events of a run', () => {
  it('come in order with their bytes, and are acknowledged when the next one is asked for', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    const events = client.events(run, 0, never)[Symbol.asyncIterator]();
    runner.emit(run, { kind: 'started' });
    runner.emit(run, { kind: 'stdout' }, bytes('a'));
    expect((await events.next()).value).toEqual({ n: 1, event: { kind: 'started' }, body: new Uint8Array(0) });
    await client.request('ping', null, { signal: never });
    expect(runner.acknowledged(run)).toBe(0);
    const second = await events.next();
    expect(new TextDecoder().decode(second.value?.body)).toBe('a');
    await until(() => runner.acknowledged(run) === 1);
    runner.emit(run, finished);
    await events.next();
    expect(runner.runs.has(run)).toBe(true);
    expect((await events.next()).done).toBe(true);
    await until(() => !runner.runs.has(run));
    expect(client.runs()).toMatchObject([{ run, phase: 'finished', last: 3, exitCode: 0 }]);
  });

  it('end at once for a reader that comes back with everything, also when the runner has dropped the run', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    runner.emit(run, finished);
    expect(await collect(client.events(run, 0, never))).toHaveLength(1);
    expect(await collect(client.events(run, 1, never))).toEqual([]);
    await until(() => !runner.runs.has(run));
    runner.disconnect();
    await until(() => client.invariantViolations().reconnects === 1);
    expect(await collect(client.events(run, 1, never))).toEqual([]);
    await expect(collect(client.events(run, 0, never))).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('come again to a reader that lost them after they were acknowledged, as long as the runner has them', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    runner.keepsAcknowledged = true;
    for (let n = 1; n <= 5; n += 1) runner.emit(run, { kind: 'stdout' });
    runner.emit(run, finished);
    expect(await collect(client.events(run, 0, never))).toHaveLength(6);
    await until(() => runner.acknowledged(run) === 6);
    expect((await collect(client.events(run, 2, never))).map(({ n }) => n)).toEqual([3, 4, 5, 6]);
  });

  it('of an unknown run are RUN_NOT_FOUND, also when there was no connection yet', async () => {
    const early = collect(client.events(run, 0, never));
    await runner.listen(path);
    await expect(early).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('may be asked for while the run is being started', async () => {
    const execute = client.request('execute', query, { signal: never });
    const events = collect(client.events(run, 0, never));
    await runner.listen(path);
    await execute;
    runner.emit(run, finished);
    expect(await events).toHaveLength(1);
  });

  it('go to the newer of two readers, from where it wants them', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    for (let n = 0; n < 50; n += 1) runner.emit(run, { kind: 'stdout' }, bytes(`${n}`));
    const older = client.events(run, 0, never)[Symbol.asyncIterator]();
    await older.next();
    const newer = collect(client.events(run, 0, never));
    await expect(older.next()).rejects.toMatchObject({ code: 'CANCELLED' });
    runner.emit(run, finished);
    expect((await newer).map(({ n }) => n)).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
  });

  it('stop with the reason of the signal, and are detached from the runner', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    const stop = new AbortController();
    const events = collect(client.events(run, 0, stop.signal));
    await until(() => runner.headers.some(({ t }) => t === 'attach'));
    stop.abort(new Error('closed'));
    await expect(events).rejects.toThrow('closed');
    await until(() => runner.headers.some(({ t }) => t === 'detach'));
    await expect(collect(client.events(run, 0, AbortSignal.abort(new Error('before'))))).rejects.toThrow('before');
  });

  it('are acknowledged again after a lost acknowledgement', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    runner.losesAcknowledgements = true;
    const events = client.events(run, 0, never)[Symbol.asyncIterator]();
    for (let n = 1; n <= 3; n += 1) runner.emit(run, { kind: 'stdout' });
    for (let n = 1; n <= 3; n += 1) await events.next();
    await client.request('ping', null, { signal: never });
    expect(runner.acknowledged(run)).toBe(0);
    runner.losesAcknowledgements = false;
    runner.disconnect();
    await until(() => runner.acknowledged(run) === 2);
  });

  it('break the connection when one is missing, and are complete all the same', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    const events = collect(client.events(run, 0, never));
    runner.emit(run, { kind: 'started' });
    await until(() => runner.acknowledged(run) === 1);
    runner.broadcast({ t: 'event', run, n: 7, event: { kind: 'stdout' } });
    await until(() => client.invariantViolations().violations === 1);
    runner.emit(run, { kind: 'stdout' });
    runner.emit(run, finished);
    expect((await events).map(({ n }) => n)).toEqual([1, 2, 3]);
  });

  // @promise runner-violations
  it('wait in bounded memory for a slow reader, and none is lost', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    const body = new Uint8Array(200_000);
    const events = client.events(run, 0, never)[Symbol.asyncIterator]();
    for (let n = 0; n < 100; n += 1) runner.emit(run, { kind: 'stdout' }, body);
    runner.emit(run, finished);
    await until(() => runner.headers.some(({ t }) => t === 'detach'));
    let expected = 1;
    for (let next = await events.next(); !next.done; next = await events.next()) expect(next.value.n).toBe(expected++);
    expect(expected).toBe(102);
    expect(runner.headers.filter(({ t }) => t === 'attach').length).toBeGreaterThan(1);
  });
});

describe('the end of the kernel', () => {
  it('ends the runs that it cuts off, once and before the client is closed', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    await client.request('execute', { ...query, run: parseRunId('r2') }, { signal: never });
    runner.emit(run, finished);
    await until(() => client.runs().some(({ phase }) => phase === 'finished'));
    const ends: unknown[] = [];
    client.subscribe((event) => {
      if (event.type === 'run') ends.push(event.summary);
    });
    client.ended({ exitCode: 137, detail: 'killed' });
    await client[Symbol.asyncDispose]();
    expect(ends).toMatchObject([{ run: 'r2', phase: 'finished', exitCode: -9, reason: 'kernel-ended' }]);
  });

  it('gives readers what has arrived and then a synthetic end', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    const events = collect(client.events(run, 0, never));
    runner.emit(run, { kind: 'stdout' }, bytes('last words'));
    runner.disconnect();
    client.ended({ exitCode: 137, detail: 'killed' });
    const seen = await events;
    expect(seen.at(-1)?.event).toEqual({ kind: 'finished', exitCode: -9, reason: 'kernel-ended' });
    expect(seen.map(({ n }) => n)).toEqual(seen.map((_, index) => index + 1));
  });

  it('still delivers what the kernel wrote before', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    const events = collect(client.events(run, 0, never));
    await until(() => runner.headers.some(({ t }) => t === 'attach'));
    for (let n = 0; n < 20; n += 1) runner.emit(run, { kind: 'stdout' }, new Uint8Array(10_000));
    for (const { socket } of runner.connections) socket.end();
    client.ended({ exitCode: 0, detail: '' });
    expect((await events).map(({ event }) => event.kind)).toEqual([...Array(20).fill('stdout'), 'finished']);
  });

  it('is reached while there is no room for a connection for a file, which is refused', async () => {
    await runner.listen(path);
    const assertRoom = (): never => {
      throw new KerneletError('OVERLOADED', 'few are left');
    };
    await using other = new RunnerConnection({ socketPath: path, secret: 'secret' }, { ...options, assertRoom });
    await other.ready(never);
    await expect(other.download('a', never)).rejects.toMatchObject({ code: 'OVERLOADED' });
    await other.request('ping', null, { signal: never });
  });

  it('settles everything that is pending', async () => {
    const request = client.request('ping', null, { signal: never });
    const ready = client.ready(never);
    const upload = client.upload('a', new ReadableStream(), { mode: null, signal: never });
    client.ended({ exitCode: 1, detail: 'it fell' });
    await expect(request).rejects.toMatchObject({ code: 'KERNEL_DIED', message: expect.stringContaining('it fell') });
    await expect(ready).rejects.toMatchObject({ code: 'KERNEL_DIED' });
    await expect(upload).rejects.toMatchObject({ code: 'KERNEL_DIED' });
    await expect(client.request('ping', null, { signal: never })).rejects.toMatchObject({ code: 'KERNEL_DIED' });
  });

  it('answers later readers too', async () => {
    await runner.listen(path);
    await client.request('execute', query, { signal: never });
    client.ended({ exitCode: 143, detail: '' });
    runner.disconnect();
    const [end] = await collect(client.events(run, 0, never));
    expect(end?.event).toMatchObject({ exitCode: -15, reason: 'kernel-ended' });
    const unknown = collect(client.events(parseRunId('other'), 0, never));
    await expect(unknown).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });
});
