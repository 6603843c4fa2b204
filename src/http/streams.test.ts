import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeAgent, type PlantedEvent } from '../../test/support/fake-agent.ts';
import { KerneletError } from '../lib/errors.ts';
import { parseKernelId, parseSessionId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { FrameDecoder } from '../protocol/frame.ts';
import { framesMediaType } from '../protocol/run-frames.ts';
import { createApp } from './app.ts';
import type { ApiApp } from './operation.ts';
import { runEventSchema } from './run-event-schema.ts';

let agent: FakeAgent;
let app: ApiApp;
let id: string;
beforeEach(async () => {
  agent = await FakeAgent.start();
  app = createApp({ agent, version: '0.0.0', logger: silentLogger });
  const response = await post('/v1/kernels', { language: 'python' });
  id = ((await response.json()) as { id: string }).id;
});
afterEach(() => agent[Symbol.asyncDispose]());

const post = (path: string, body: unknown, headers: Record<string, string> = {}, signal: AbortSignal | null = null) =>
  app.request(path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
    signal,
  });
const execute = async (run = 'r1') => {
  const request = { mode: 'query', code: '1' };
  return await post(`/v1/kernels/${id}/runs`, { run, request });
};
const eventsOf = async (headers: Record<string, string> = {}, query = '') => {
  const response = await app.request(`/v1/kernels/${id}/runs/r1/events${query}`, { headers });
  return { response, text: await response.text() };
};
const blocks = (text: string) =>
  text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2))));

describe('runs', () => {
  it('start at once with an id, twice the same is once', async () => {
    const first = await execute();
    expect(first.status).toBe(202);
    expect(await first.json()).toEqual({ run: 'r1', existing: false });
    expect(await (await execute()).json()).toEqual({ run: 'r1', existing: true });
    expect(agent.runs.get('r1')?.request).toEqual({ mode: 'query', code: '1', timeoutMs: null });
    const unnamed = await post(`/v1/kernels/${id}/runs`, { request: { mode: 'command', argv: ['ls'] } });
    expect(((await unnamed.json()) as { run: string }).run).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each([
    [{ mode: 'query' }, 'body.request.code'],
    [{ mode: 'quary', code: '' }, 'body.request.mode'],
    [{ mode: 'query', code: '', timeoutMs: 0 }, 'body.request.timeoutMs'],
    [{ mode: 'query', code: 'x'.repeat(500_000) }, /upload it as a file/],
    [{ mode: 'command', argv: [] }, 'body.request.argv'],
    [{ mode: 'command', argv: ['a\0b'] }, 'body.request.argv.0'],
    [{ mode: 'program', source: { from: 'file' } }, 'body.request.source.path'],
    [{ mode: 'batch', exec: '*', code: 'x' }, /unknown key "code"/],
  ])('refuse what is wrong: %#', async (request, text) => {
    const response = await post(`/v1/kernels/${id}/runs`, { request });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(text);
    expect(agent.runs.size).toBe(0);
  });

  // @promise whole-values
  it('say what happens, numbered, with every byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    agent.script = () => [
      [{ kind: 'started' }],
      [{ kind: 'stdout' }, bytes],
      [{ kind: 'waiting-input', prompt: 'a\n"b" ,"body":"', password: true }],
      [
        {
          kind: 'display',
          role: 'result',
          forms: [
            { type: 'text/plain', bytes: 2 },
            { type: 'image/png', bytes: 256 },
          ],
          omitted: [{ type: 'text/html', bytes: 5_000_000 }],
        },
        Buffer.concat([Buffer.from('é'), bytes]),
      ],
      [{ kind: 'error', name: 'ValueError', message: 'é' }, 'Traceback é\n'],
      [{ kind: 'finished', exitCode: -9, reason: 'memory-limit' }],
    ];
    await execute();
    const { response, text } = await eventsOf();
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = blocks(text).map((block) => ({
      id: block['id'],
      ...runEventSchema.parse(JSON.parse(block['data'] ?? '')),
    }));
    expect(events.map(({ id: number, n }) => [number, n])).toEqual([1, 2, 3, 4, 5, 6].map((n) => [String(n), n]));
    expect(Buffer.from(events[1]?.body ?? '', 'base64').equals(bytes)).toBe(true);
    expect(events[2]?.event).toEqual({ kind: 'waiting-input', prompt: 'a\n"b" ,"body":"', password: true });
    expect(events.slice(3, 5).map(({ event, body }) => [event, body])).toEqual([
      [
        {
          kind: 'display',
          role: 'result',
          forms: [
            { type: 'text/plain', text: 'é' },
            { type: 'image/png', base64: Buffer.from(bytes).toString('base64') },
          ],
          omitted: [{ type: 'text/html', bytes: 5_000_000 }],
        },
        undefined,
      ],
      [{ kind: 'error', name: 'ValueError', message: 'é', traceback: 'Traceback é\n' }, undefined],
    ]);
  });

  it('come as frames to who prefers bytes, errors too', async () => {
    agent.script = async function* () {
      yield [{ kind: 'stdout' }, Uint8Array.of(0, 255)];
      throw new KerneletError('KERNEL_DIED', 'it died');
    };
    await execute();
    const headers = { accept: framesMediaType };
    const response = await app.request(`/v1/kernels/${id}/runs/r1/events`, { headers });
    expect(response.headers.get('content-type')).toBe(framesMediaType);
    const [printed, error] = new FrameDecoder().push(await response.bytes());
    expect(printed).toMatchObject({ header: { n: 1, event: { kind: 'stdout' } }, body: Uint8Array.of(0, 255) });
    expect(error?.header).toMatchObject({ error: { code: 'KERNEL_DIED', message: 'it died' } });
  });

  it('go on behind the last event that was received', async () => {
    agent.script = () => Array.from({ length: 9 }, (): PlantedEvent => [{ kind: 'stdout' }, 'x']);
    await execute();
    expect(blocks((await eventsOf({ 'last-event-id': '7' })).text).map((block) => block['id'])).toEqual(['8', '9']);
    expect(blocks((await eventsOf({}, '?after=8')).text).map((block) => block['id'])).toEqual(['9']);
    expect((await eventsOf({ 'last-event-id': 'x' })).response.status).toBe(400);
    expect((await eventsOf({}, '?after=-1')).response.status).toBe(400);
  });

  it('report an early error by the status and a late one by an event', async () => {
    await execute();
    agent.script = () => {
      throw new KerneletError('RUN_NOT_FOUND', 'forgotten');
    };
    expect((await eventsOf()).response.status).toBe(404);
    agent.script = async function* () {
      yield [{ kind: 'started' }];
      throw new KerneletError('KERNEL_DIED', 'it died');
    };
    const { response, text } = await eventsOf();
    expect(response.status).toBe(200);
    expect(text).toMatch(/event: error\ndata: \{"code":"KERNEL_DIED","message":"it died"/);
  });

  it('count an event as consumed only when the next one is asked for', async () => {
    agent.script = () => Array.from({ length: 50 }, (): PlantedEvent => [{ kind: 'stdout' }, 'x']);
    await execute();
    const response = await app.request(`/v1/kernels/${id}/runs/r1/events`);
    const reader = response.body?.getReader();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(agent.consumed.get('r1') ?? 0).toBeLessThanOrEqual(1);
    await reader?.cancel();
  });

  it('take standard input, answers, interrupts and signals', async () => {
    await execute();
    const stdin = (query: string, body: string) =>
      app.request(`/v1/kernels/${id}/runs/r1/stdin${query}`, { method: 'POST', body });
    expect(await (await stdin('', 'abc')).json()).toEqual({ open: true });
    expect(await (await stdin('?eof=true', 'def')).json()).toEqual({ open: false });
    await post(`/v1/kernels/${id}/runs/r1/input`, { text: 'Ada' });
    await post(`/v1/kernels/${id}/runs/r1/input`, { text: null });
    expect((await post(`/v1/kernels/${id}/runs/r1/input`, {})).status).toBe(400);
    await post(`/v1/kernels/${id}/runs/r1/interrupt`, {});
    await post(`/v1/kernels/${id}/runs/r1/cancel`, {});
    expect((await post(`/v1/kernels/${id}/runs/r1/cancel`, { signal: 'SIGSTOP' })).status).toBe(400);
    const run = agent.runs.get('r1');
    expect(Buffer.concat(run?.stdin ?? []).toString()).toBe('abcdef');
    expect(run).toMatchObject({ stdinEnded: true, inputs: ['Ada', null], interrupts: 1, signals: ['SIGKILL'] });
  });
});

describe('long work', () => {
  const accept = { accept: 'text/event-stream' };

  it('reports progress and then the result', async () => {
    const build = agent.buildImage.bind(agent);
    agent.buildImage = async (name, signal, onProgress) => {
      onProgress({ message: `building ${name}`, fraction: 0.5 });
      return await build(name, signal, () => {});
    };
    const text = await (await post('/v1/images/build', { name: 'python' }, accept)).text();
    expect(blocks(text).map((block) => block['event'])).toEqual(['progress', 'result']);
    expect(JSON.parse(blocks(text)[0]?.['data'] ?? '')).toEqual({ message: 'building python', fraction: 0.5 });
  });

  it('reports an error as an event, or by the status without events', async () => {
    const text = await (await post('/v1/images/pull', { reference: 'absent' }, accept)).text();
    expect(blocks(text)).toMatchObject([{ event: 'error' }]);
    expect((await post('/v1/images/pull', { reference: 'absent' })).status).toBe(502);
  });

  it('is undone when the client leaves', async () => {
    const { promise: left, resolve } = Promise.withResolvers<unknown>();
    agent.whileCreating = (signal) =>
      new Promise((_, reject) => {
        const undo = (): void => {
          resolve(signal.reason);
          reject(signal.reason);
        };
        if (signal.aborted) undo();
        else signal.addEventListener('abort', undo);
      });
    const response = await post('/v1/kernels', { language: 'python' }, accept);
    const reader = response.body?.getReader();
    void reader?.read().catch(() => {});
    await new Promise((tick) => setTimeout(tick, 10));
    await reader?.cancel();
    expect(await left).toBeDefined();
    const leaving = new AbortController();
    const plain = post('/v1/kernels', { language: 'python' }, {}, leaving.signal);
    leaving.abort();
    expect((await plain).status).toBe(499);
    expect(agent.kernels.size).toBe(1);
  });

  it('keeps an attached kernel as long as its stream', async () => {
    const response = await post('/v1/kernels?attached=true', { language: 'python' }, accept);
    const reader = response.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    const made = JSON.parse(blocks(Buffer.from(value ?? []).toString())[0]?.['data'] ?? '') as { id: string };
    expect(agent.kernels.has(made.id)).toBe(true);
    await reader?.cancel();
    await expect.poll(() => agent.kernels.has(made.id)).toBe(false);
    expect((await post('/v1/kernels?attached=true', { language: 'python' })).status).toBe(400);
  });
});

describe('logs and events', () => {
  it('carry bytes and numbers', async () => {
    agent.logPieces = [{ stream: 'stderr', data: Buffer.from([0xff, 0x0a]) }];
    const log = await (await app.request(`/v1/kernels/${id}/logs?follow=true`)).text();
    expect(JSON.parse(blocks(log)[0]?.['data'] ?? '')).toEqual({ stream: 'stderr', body: '/wo=' });
    const of = { kernelId: parseKernelId(id) };
    agent.kernelHistory = [1, 2, 3].map((sequence) => ({
      sequence,
      at: 1,
      event: { type: 'kernel-creating', ...of, sessionId: parseSessionId(id) },
    }));
    const events = await (await app.request('/v1/events?after=1')).text();
    expect(blocks(events).map((block) => block['id'])).toEqual(['2', '3']);
  });
});
