import { describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunEvent } from '../protocol/run-event.ts';
import { followRun, resumeStream } from './resumed-stream.ts';
import type { ServerEvent } from './sse-parser.ts';
import type { RetryPolicy } from './transport.ts';

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
async function resume(steps: readonly Step[], enough: number, clock = new JumpingClock()) {
  const seen: string[] = [];
  const policies: RetryPolicy[] = [];
  const open = async (policy: RetryPolicy): Promise<AsyncIterable<ServerEvent>> => {
    const step = steps[Math.min(policies.push(policy), steps.length) - 1];
    if (typeof step !== 'function') throw step;
    return step();
  };
  try {
    for await (const { data } of resumeStream(open, new AbortController().signal, clock)) {
      if (seen.push(data.toString()) === enough) break;
    }
    return { seen, policies, error: undefined };
  } catch (error) {
    return { seen, policies, error };
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
  expect(await resume(steps, 4)).toEqual({
    seen: ['1', '2', '3', '4'],
    // Before the daemon was there once, only its socket's file is a reason to wait.
    policies: ['while-socket', 'always', 'always', 'always', 'always', 'always'],
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
  expect((await resume([silent, away(), giving(['2'])], 2, clock)).seen).toEqual(['1', '2']);
});

it('gives up when the daemon stays away', async () => {
  const clock = new JumpingClock();
  const { error, seen } = await resume([giving(['1']), away()], 2, clock);
  expect([seen, error]).toEqual([['1'], expect.objectContaining({ code: 'DAEMON_UNREACHABLE' })]);
  expect(clock.time).toBeGreaterThan(30_000);
  expect(clock.time).toBeLessThan(31_000);
});

it('passes every other error on at once', async () => {
  const { error, policies } = await resume([giving(['1'], new KerneletError('KERNEL_DIED', 'it died')), away()], 9);
  expect([error, policies.length]).toEqual([expect.objectContaining({ code: 'KERNEL_DIED' }), 1]);
});

const started: RunEvent = { kind: 'started' };
const finished: RunEvent = { kind: 'finished', exitCode: 0, reason: 'exited' };

/** Follows a run whose stream gives these numbers, one list an opening; what came out and where it was opened. */
async function follow(openings: readonly (readonly (readonly [number, RunEvent])[])[], after = 0) {
  const numbers: number[] = [];
  const opened: number[] = [];
  const client = {
    async runEvents(_kernel: string, _run: string, last: number) {
      const events = openings[opened.push(last) - 1] ?? [];
      return (async function* () {
        for (const [n, event] of events) yield { n, event, body: new Uint8Array() };
      })();
    },
  };
  for await (const { n } of followRun({ client, kernel: 'k', run: 'r', after, signal: AbortSignal.timeout(5_000) })) {
    numbers.push(n);
  }
  return { numbers, opened };
}

describe('the events of a run', () => {
  // @promise run-once
  it('come once each, and end with the run', async () => {
    const openings = [
      [
        [1, started],
        [2, started],
      ],
      [],
      [
        [2, started],
        [3, started],
        [4, finished],
        [5, started],
      ],
    ] as const;
    expect(await follow(openings)).toEqual({ numbers: [1, 2, 3, 4], opened: [0, 2, 2] });
  });

  it('go on behind a given one', async () => {
    expect(await follow([[[8, finished]]], 7)).toEqual({ numbers: [8], opened: [7] });
  });

  // @promise no-silent-gap
  it('are an error when one is missing: nothing is left out silently', async () => {
    await expect(
      follow([
        [
          [1, started],
          [3, finished],
        ],
      ]),
    ).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
      message: 'output was lost: event 3 came after event 1 of the run',
    });
  });
});
