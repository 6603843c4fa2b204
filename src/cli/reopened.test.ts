import { expect, it } from 'vitest';
import type { Clock, Timer } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { reopened } from './reopened.ts';
import type { ServerEvent } from './sse-parser.ts';
import type { Patience } from './transport.ts';

/** Time that passes as it is waited for. */
class JumpingClock implements Clock {
  time = 0;
  now = () => this.time;
  monotonic = () => this.time;

  after(delayMs: number, callback: () => void): Timer {
    let stopped = false;
    queueMicrotask(() => {
      if (stopped) return;
      this.time += delayMs;
      callback();
    });
    return {
      unref() {},
      [Symbol.dispose]() {
        stopped = true;
      },
    };
  }
}

const event = (text: string): ServerEvent => ({ id: undefined, type: 'message', data: Buffer.from(text) });
const away = (): KerneletError => new KerneletError('DAEMON_UNREACHABLE', 'no daemon answers');
type Step = Error | (() => AsyncIterable<ServerEvent>);

/** Follows `steps`, one for each opening, until `enough` events have come; the rejection, if any. */
async function follow(steps: readonly Step[], enough: number, clock = new JumpingClock()) {
  const seen: string[] = [];
  const patiences: Patience[] = [];
  const open = async (patience: Patience): Promise<AsyncIterable<ServerEvent>> => {
    const step = steps[Math.min(patiences.push(patience), steps.length) - 1];
    if (typeof step !== 'function') throw step;
    return step();
  };
  try {
    for await (const { data } of reopened(open, new AbortController().signal, clock)) {
      if (seen.push(data.toString()) === enough) break;
    }
    return { seen, patiences, error: undefined };
  } catch (error) {
    return { seen, patiences, error };
  }
}

const giving = (texts: readonly string[], end?: Error) =>
  async function* (): AsyncGenerator<ServerEvent> {
    for (const text of texts) yield event(text);
    if (end) throw end;
  };

it('opens the stream again after a break, a stop and an end', async () => {
  const stopping = new KerneletError('SHUTTING_DOWN', 'the daemon is stopping');
  const steps = [giving(['1'], away()), away(), giving(['2'], stopping), stopping, giving(['3']), giving(['4'])];
  expect(await follow(steps, 4)).toEqual({
    seen: ['1', '2', '3', '4'],
    // Before the daemon was there once, only its socket's file is a reason to wait.
    patiences: ['while-socket', 'always', 'always', 'always', 'always', 'always'],
    error: undefined,
  });
});

it('counts the time that the daemon is away, not the silence of a stream', async () => {
  const clock = new JumpingClock();
  const silent = async function* (): AsyncGenerator<ServerEvent> {
    yield event('1');
    clock.time += 3_600_000;
    throw away();
  };
  expect((await follow([silent, away(), giving(['2'])], 2, clock)).seen).toEqual(['1', '2']);
});

it('gives up when the daemon stays away', async () => {
  const clock = new JumpingClock();
  const { error, seen } = await follow([giving(['1']), away()], 2, clock);
  expect([seen, error]).toEqual([['1'], expect.objectContaining({ code: 'DAEMON_UNREACHABLE' })]);
  expect(clock.time).toBeGreaterThan(30_000);
  expect(clock.time).toBeLessThan(31_000);
});

it('passes every other error on at once', async () => {
  const { error, patiences } = await follow([giving(['1'], new KerneletError('KERNEL_DIED', 'it died')), away()], 9);
  expect([error, patiences.length]).toEqual([expect.objectContaining({ code: 'KERNEL_DIED' }), 1]);
});
