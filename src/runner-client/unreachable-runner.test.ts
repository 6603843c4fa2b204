import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type FakeRunner, readyStatus } from '../../test/support/fake-runner.ts';
import { collect, RunnerPair, until } from '../../test/support/runner-pair.ts';
import { parseRunId } from '../lib/ids.ts';
import type { RunnerConnection } from './runner-connection.ts';

const run = parseRunId('r1');
const query = { run, request: { mode: 'query', code: '1', timeoutMs: null } } as const;
const never = new AbortController().signal;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const finished = { kind: 'finished', exitCode: 0, reason: 'exited' } as const;

describe('a runner that does not answer', () => {
  let clock: FakeClock;
  let pair: RunnerPair;
  let runner: FakeRunner;
  let silent: RunnerConnection;
  let told: string[];
  const limited = { run, request: { mode: 'query', code: '1', timeoutMs: 2_000 } } as const;
  beforeEach(async () => {
    clock = new FakeClock();
    pair = await RunnerPair.open({ listens: true, violationPauseMs: 1, lastOutputMs: 5000, clock });
    ({ runner, client: silent } = pair);
    told = [];
    silent.subscribe((event) => {
      if (event.type === 'unreachable' || event.type === 'reachable') told.push(event.type);
      if (event.type === 'run' && event.summary.phase === 'finished') told.push(event.summary.reason ?? '');
    });
    await silent.ready(never);
  });
  afterEach(() => pair[Symbol.asyncDispose]());
  /** What comes over the socket takes its own time. */
  async function advance(ms: number): Promise<void> {
    for (let rest = ms; rest > 0; rest -= 1_000) {
      await clock.advance(Math.min(rest, 1_000));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  const freeze = (): void => {
    runner.answer = () => null;
  };
  const thaw = (): void => {
    runner.answer = () => undefined;
  };

  // @promise pause
  it('is not missed while it stands still on purpose, and does then what was asked of it meanwhile', async () => {
    await silent.request('execute', query, { signal: never });
    const events = collect(silent.events(run, 0, never));
    freeze();
    silent.suspend(true);
    await advance(120_000);
    expect([told, silent.unreachableSince(), silent.connected()]).toEqual([[], null, true]);
    thaw();
    silent.suspend(false);
    runner.emit(run, finished);
    expect((await events).map(({ event }) => event.kind)).toEqual(['finished']);
    expect(await silent.request('complete', { code: 'a', cursor: 1 }, { signal: never })).toEqual({ matches: ['a'] });
    freeze();
    await advance(36_000);
    expect(told).toContain('unreachable');
  });

  // @promise runner-silent
  it('is unreachable after lost heartbeats; what waits and what comes is told, and the run is read on when it is back', async () => {
    await silent.request('execute', query, { signal: never });
    const events = collect(silent.events(run, 0, never));
    freeze();
    const waiting = expect(
      silent.request('complete', { code: 'a', cursor: 1 }, { signal: never }),
    ).rejects.toMatchObject({
      code: 'KERNEL_UNREACHABLE',
    });
    await advance(36_000);
    await waiting;
    expect(told).toEqual(['unreachable']);
    expect(silent.unreachableSince()).not.toBeNull();
    for (const asked of [
      silent.request('interrupt', { run }, { signal: never }),
      silent.download('a', never),
      silent.upload('a', new ReadableStream(), { mode: null, signal: never }),
    ]) {
      await expect(asked).rejects.toMatchObject({ code: 'KERNEL_UNREACHABLE' });
    }
    thaw();
    runner.emit(run, { kind: 'stdout' }, bytes('back'));
    await until(() => told.length === 2);
    expect([told, silent.unreachableSince()]).toEqual([['unreachable', 'reachable'], null]);
    runner.emit(run, finished);
    expect((await events).map(({ event }) => event.kind)).toEqual(['stdout', 'finished']);
  });

  it('is waited for by followers for minutes, not for ever, and can be followed again', async () => {
    await silent.request('execute', query, { signal: never });
    const events = expect(collect(silent.events(run, 0, never))).rejects.toMatchObject({ code: 'KERNEL_UNREACHABLE' });
    freeze();
    runner.greeting = 'mute';
    await advance(340_000);
    await events;
    await expect(collect(silent.events(run, 0, never))).rejects.toMatchObject({ code: 'KERNEL_UNREACHABLE' });
    thaw();
    runner.greeting = 'welcome';
    runner.disconnect();
    await advance(12_000);
    await until(() => told.includes('reachable'));
    runner.emit(run, finished);
    expect(await collect(silent.events(run, 0, never))).toHaveLength(1);
  });

  it('does not hold up the end of a run with a time limit, which it gets to know when it is back', async () => {
    await silent.request('execute', limited, { signal: never });
    runner.broadcast({
      t: 'run',
      summary: { run, phase: 'running', last: 0, oldest: 1, exitCode: null, reason: null },
    });
    await until(() => silent.runs().some(({ phase }) => phase === 'running'));
    const events = collect(silent.events(run, 0, never));
    freeze();
    await advance(11_000);
    const end = { kind: 'finished', exitCode: -9, reason: 'time-limit' };
    expect((await events).map(({ event }) => event)).toEqual([end]);
    expect((await collect(silent.events(run, 0, never))).map(({ event }) => event)).toEqual([end]);
    expect(told).toEqual(['time-limit']);
    await advance(30_000);
    runner.headers.length = 0;
    thaw();
    runner.broadcast({ t: 'status', status: readyStatus });
    await until(() => runner.headers.some((head) => head.t === 'request' && head.method === 'cancel'));
  });

  it('is not found by the way of a file whose socket is gone', async () => {
    await rm(pair.path);
    const upload = expect(
      silent.upload('a', new ReadableStream(), { mode: null, signal: never }),
    ).rejects.toMatchObject({ code: 'KERNEL_UNREACHABLE' });
    await advance(21_000);
    await upload;
    expect(told).toEqual([]);
  });
});
