import { getEventListeners } from 'node:events';
import { OpenAPIHono } from '@hono/zod-openapi';
import { beforeEach, describe, expect, it } from 'vitest';
import { collectGarbage } from '../../test/support/collect-garbage.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { ImageProgress } from '../agent/agent.ts';
import { type LongWork, type LongWorkOptions, longWork } from './long-work.ts';
import type { ApiApp, Bindings } from './operation.ts';

type Made = { readonly id: number };

let clock: FakeClock;
let left: Made[];
let work: LongWork<Made>;
let options: LongWorkOptions<Made>;
beforeEach(() => {
  clock = new FakeClock();
  left = [];
  work = async () => ({ id: 1 });
  options = { clock, whenClientLeaves: async (made) => void left.push(made) };
});

const ask = async (bindings: Bindings = {}) => {
  const app: ApiApp = new OpenAPIHono();
  app.post('/', (context) => longWork(context, 201, work, options));
  const response = await app.request('/', { method: 'POST', headers: { accept: 'text/event-stream' } }, bindings);
  const body = response.body;
  if (!body) throw new Error('no body');
  return body.getReader();
};
const textOf = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> =>
  Buffer.from((await reader.read()).value ?? []).toString();

describe('a stream that outlives its result', () => {
  it('is filled with comments, through one listener', async () => {
    const { promise, resolve } = Promise.withResolvers<AbortSignal>();
    work = async (signal) => {
      resolve(signal);
      return { id: 1 };
    };
    const reader = await ask();
    expect(await textOf(reader)).toBe('event: result\ndata: {"id":1}\n\n');
    const signal = await promise;
    for (let minute = 0; minute < 20; minute += 1) {
      const comment = textOf(reader);
      await clock.advance(15_000);
      expect(await comment).toBe(': keep-alive\n\n');
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await reader.cancel();
  });

  it('leaves no timer behind when it is cancelled, and says that the client has left', async () => {
    const reader = await ask();
    await reader.read();
    const waiting = reader.read();
    await clock.advance(1);
    expect(clock.pending).toBe(1);
    await reader.cancel();
    await waiting;
    await clock.advance(0);
    expect(clock.pending).toBe(0);
    expect(left).toEqual([{ id: 1 }]);
  });

  it('ends with the signal of a caller in this process, also after a garbage collection', async () => {
    const leaving = new AbortController();
    const reader = await ask({ leaving: leaving.signal });
    await reader.read();
    const waiting = reader.read();
    await clock.advance(1);
    collectGarbage();
    leaving.abort();
    expect((await waiting).done).toBe(true);
    expect(clock.pending).toBe(0);
    expect(left).toEqual([{ id: 1 }]);
  });
});

describe('a client that leaves before the result', () => {
  it('leaves no timer behind, and the result is still dealt with', async () => {
    const slow = Promise.withResolvers<Made>();
    work = () => slow.promise;
    const reader = await ask();
    const waiting = reader.read();
    await clock.advance(1);
    await reader.cancel();
    await waiting;
    await clock.advance(0);
    expect(clock.pending).toBe(0);
    expect(left).toEqual([]);
    slow.resolve({ id: 2 });
    await clock.advance(0);
    expect(left).toEqual([{ id: 2 }]);
  });
});

describe('progress', () => {
  it('is told in order, the oldest dropped beyond what may wait', async () => {
    const told = Promise.withResolvers<(progress: ImageProgress) => void>();
    const done = Promise.withResolvers<Made>();
    work = (_, onProgress) => {
      told.resolve(onProgress);
      return done.promise;
    };
    options = { clock };
    const reader = await ask();
    const first = reader.read();
    const tell = await told.promise;
    for (let step = 0; step < 200; step += 1) tell({ message: String(step) });
    done.resolve({ id: 3 });
    const messages = [Buffer.from((await first).value ?? []).toString()];
    for (let result = await reader.read(); !result.done; result = await reader.read()) {
      messages.push(Buffer.from(result.value).toString());
    }
    expect(messages).toHaveLength(65);
    expect(messages[0]).toBe('event: progress\ndata: {"message":"136"}\n\n');
    expect(messages.at(-1)).toBe('event: result\ndata: {"id":3}\n\n');
  });
});
