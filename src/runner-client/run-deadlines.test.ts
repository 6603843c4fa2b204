import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { parseRunId } from '../lib/ids.ts';
import { undescribed } from '../protocol/run-description.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { RunDeadlines } from './run-deadlines.ts';

const run = parseRunId('r1');
const at = (phase: RunSummary['phase']): RunSummary => ({
  ...{ ...undescribed, run, phase, last: 1, oldest: 1, exitCode: null, reason: null },
});
const never = new AbortController().signal;
const silence = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

let clock: FakeClock;
let told: string[];
let ping: (signal: AbortSignal) => Promise<unknown>;
let over: AbortController;
let deadlines: RunDeadlines;
beforeEach(() => {
  clock = new FakeClock();
  told = [];
  ping = silence;
  over = new AbortController();
  deadlines = new RunDeadlines({
    clock,
    signal: over.signal,
    ping: (signal) => ping(signal),
    kill: (id) => told.push(`kill ${id}`),
    expire: (id) => told.push(`expire ${id}`),
  });
});

const accepted = (timeoutMs: number | null = 1_000): Promise<string> =>
  deadlines.handOver(run, timeoutMs, { signal: never, ask: async () => 'accepted' });

// @promise time-limit
it('a run that a silent runner does not end is over seconds after its limit', async () => {
  expect(await accepted()).toBe('accepted');
  deadlines.changed(at('running'));
  await clock.advance(1_000 + 3_000 + 4_999);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual(['expire r1']);
  expect(clock.pending).toBe(0);
});

it('a runner that answers is told to kill the run, and gets time for it', async () => {
  ping = async () => 'here';
  await accepted();
  deadlines.changed(at('running'));
  await clock.advance(4_000);
  expect(told).toEqual(['kill r1']);
  await clock.advance(29_999);
  deadlines.changed(at('running'));
  expect(told).toEqual(['kill r1']);
  await clock.advance(1);
  expect(told).toEqual(['kill r1', 'expire r1']);
});

it.each(['before the limit', 'after the kill'])('a run that ends %s does not expire', async (when) => {
  ping = async () => 'here';
  await accepted();
  deadlines.changed(at('running'));
  await clock.advance(when === 'after the kill' ? 5_000 : 500);
  deadlines.changed(at('finished'));
  await clock.advance(3_600_000);
  expect(told).toEqual(when === 'after the kill' ? ['kill r1'] : []);
  expect(clock.pending).toBe(0);
});

it('the time of a run that waits for others begins when it runs', async () => {
  await accepted();
  deadlines.changed(at('queued'));
  await clock.advance(3_600_000);
  expect(told).toEqual([]);
  deadlines.changed(at('running'));
  deadlines.changed(at('waiting-input'));
  await clock.advance(9_000);
  expect(told).toEqual(['expire r1']);
});

it('or when nobody can say any more that it waits, unless the runner is back in time', async () => {
  await accepted();
  deadlines.reachable(false);
  await clock.advance(3_999);
  deadlines.reachable(true);
  await clock.advance(3_600_000);
  expect(told).toEqual([]);
  deadlines.reachable(false);
  await clock.advance(9_000);
  expect(told).toEqual(['expire r1']);
});

it('nor does it end when the runner is back while it is asked whether it is there', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  ping = () => promise;
  await accepted();
  deadlines.reachable(false);
  await clock.advance(4_000);
  deadlines.reachable(true);
  resolve('here');
  await clock.advance(3_600_000);
  expect(told).toEqual([]);
});

it('a run that is not accepted within its time is refused, and must not run later', async () => {
  const waiting = deadlines.handOver(run, 1_000, { signal: never, ask: silence });
  const refused = expect(waiting).rejects.toMatchObject({ code: 'KERNEL_UNREACHABLE' });
  await clock.advance(4_000);
  await refused;
  expect([told, clock.pending]).toEqual([['expire r1'], 0]);
});

it('what the runner refuses, and what its caller gives up, has no limit left', async () => {
  const failing = deadlines.handOver(run, 1_000, { signal: never, ask: () => Promise.reject(new Error('no')) });
  await expect(failing).rejects.toThrow('no');
  const caller = new AbortController();
  const waiting = deadlines.handOver(run, 1_000, { signal: caller.signal, ask: silence });
  caller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  deadlines.reachable(false);
  await clock.advance(3_600_000);
  expect([told, clock.pending]).toEqual([[], 0]);
});

it('a run without a limit never expires, nor does one whose runner is gone', async () => {
  await accepted(null);
  deadlines.changed(at('running'));
  deadlines.reachable(false);
  await clock.advance(3_600_000);
  expect(told).toEqual([]);
  await accepted();
  deadlines.reachable(false);
  await clock.advance(4_500);
  over.abort(new Error('the kernel has ended'));
  deadlines[Symbol.dispose]();
  await clock.advance(3_600_000);
  expect([told, clock.pending]).toEqual([[], 0]);
});
