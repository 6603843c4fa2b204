/** A program that has taken the place of a runner, and writes whatever it likes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byDepth, fuzzRuns } from '../../test/support/depth.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { anyFrame, HostileRunner, type Script, script, welcome } from '../../test/support/hostile-runner.ts';
import { collect, RunnerPair, until } from '../../test/support/runner-pair.ts';
import { withDeadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import { parseRunId } from '../lib/ids.ts';
import { RunnerConnection } from './runner-connection.ts';

const never = new AbortController().signal;
const run = parseRunId('mine');
/** Longer than any deadline of a client: that of followers of a runner that is unreachable, behind all others. */
const longestMs = 1_200_000;
const stepMs = 20_000;

let folder: string;
let neighbour: RunnerPair;
/** What nobody waited for, of the whole file. */
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostile-'));
  neighbour = await RunnerPair.open({ listens: true });
  process.on('unhandledRejection', note).on('uncaughtException', note);
});
afterAll(async () => {
  process.off('unhandledRejection', note).off('uncaughtException', note);
  await neighbour[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** What callers ask of a runner, each with how it ended. */
function askEverything(client: RunnerConnection, clock: FakeClock): readonly Promise<unknown>[] {
  const within = <T>(ask: (signal: AbortSignal) => Promise<T>) =>
    withDeadline({ what: 'the answer', timeoutMs: 60_000, clock }, ({ signal }) => ask(signal));
  const request = { mode: 'query', code: '1', timeoutMs: 5_000 } as const;
  const file = async (signal: AbortSignal) => {
    const { content } = await client.download('f', signal);
    for await (const piece of content) expect(piece.length).toBeGreaterThan(0);
  };
  const content = new Blob(['abcd']).stream();
  const asked = [
    client.request('execute', { run, request }, { signal: never }),
    collect(client.events(run, 0, never)),
    within((signal) => client.ready(signal)),
    within((signal) => client.request('complete', { code: 'a', cursor: 1 }, { signal })),
    within((signal) => client.request('list-files', { path: '.', from: 0 }, { signal })),
    within((signal) => client.request('stdin', { run, eof: true }, { signal })),
    file(never),
    client.upload('f', content, { mode: null, signal: never }),
  ];
  return asked.map((each) =>
    each.then(
      () => null,
      (error: unknown) => error,
    ),
  );
}

/** Everything that a client promises while such a runner does this. */
async function survives(moves: Script, path: string): Promise<void> {
  const clock = new FakeClock();
  await using runner = new HostileRunner(moves);
  await runner.listen(path);
  await using client = new RunnerConnection({ socketPath: path, secret: 'secret' }, { clock, violationPauseMs: 1 });
  let settled = false;
  const ends = Promise.all(askEverything(client, clock));
  void ends.then(() => {
    settled = true;
  });
  await runner.played;
  await pause(1);
  expect(await neighbour.client.request('complete', { code: 'b', cursor: 1 }, { signal: never })).toEqual({
    matches: ['b'],
  });
  expect(client.runs().length).toBeLessThanOrEqual(1_001);
  expect(JSON.stringify(client.status()).length).toBeLessThan(20_000);
  for (let passed = 0; !settled && passed < longestMs; passed += stepMs) {
    await clock.advance(stepMs);
    await pause(1);
  }
  expect(settled, 'everything that was asked has an end').toBe(true);
  for (const error of await ends) {
    if (error === null) continue;
    expect(error).toBeInstanceOf(KerneletError);
    expect(error).not.toMatchObject({ code: 'INTERNAL' });
  }
  client.ended({ exitCode: 0, detail: '' });
  await client[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
  expect(unhandled).toEqual([]);
}

describe('whatever a program in the place of a runner sends', () => {
  // @promise hostile-runner, runner-silent
  it(
    'everything that was asked of it ends in time, nothing of it stays, and others are served',
    async () => {
      let cases = 0;
      const property = fc.asyncProperty(script, async (moves) => {
        cases += 1;
        await survives(moves, join(folder, `${cases}.sock`));
      });
      await fc.assert(property, { numRuns: fuzzRuns(80) });
    },
    byDepth({ quick: 60_000, full: 60_000, nightly: 600_000 }),
  );
});

const invented = (count: number) => ({
  ...{ run: `invented-${count}`, phase: 'finished', last: 1, oldest: 1, exitCode: 0, reason: 'exited' },
});
const status = { ...welcome.status, models: [{ name: 'x'.repeat(100), healthy: true }] };
const many = (count: number, frame: (index: number) => object): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, index) => anyFrame(frame(index))));
const crowded = { ...welcome, runs: Array.from({ length: 500 }, (_, count) => invented(count)) };

describe('a runner that floods', () => {
  const usual: Script = [anyFrame(welcome)];
  // @promise hostile-runner
  it.each<{ readonly what: string; readonly first?: Script; readonly repeated: Script; readonly believed?: number }>([
    {
      what: 'with runs that nobody asked for',
      repeated: [many(2_000, (n) => ({ t: 'run', summary: invented(n) }))],
    },
    {
      what: 'with events of a run that nobody reads',
      repeated: [many(2_000, (n) => ({ t: 'event', run: 'mine', n: n + 1, event: { kind: 'stdout' } }))],
    },
    {
      what: 'with replies to nothing',
      repeated: [many(2_000, () => ({ t: 'reply', id: 9_999, ok: true, result: null }))],
    },
    {
      what: 'with headers that are long to read',
      repeated: [many(20, () => ({ t: 'status', status, more: Array.from({ length: 100_000 }, () => []) }))],
    },
    { what: 'with its state', repeated: [many(2_000, () => ({ t: 'status', status }))] },
    // What the first greeting says is believed, as an earlier process may have asked for it.
    { what: 'with greetings', first: [], repeated: [anyFrame(crowded), null], believed: 500 },
  ])('$what is given up soon, and others are served', async ({ what, first = usual, repeated, believed = 0 }) => {
    const path = join(folder, `${what}.sock`);
    const clock = new FakeClock();
    await using runner = new HostileRunner(first, repeated);
    await runner.listen(path);
    await using client = new RunnerConnection({ socketPath: path, secret: 'secret' }, { clock, violationPauseMs: 1 });
    let told = 0;
    client.subscribe(({ type }) => {
      if (type === 'unasked') told += 1;
    });
    const signal = AbortSignal.timeout(2_000);
    expect(await neighbour.client.request('complete', { code: 'b', cursor: 1 }, { signal })).toEqual({
      matches: ['b'],
    });
    const violations = async (): Promise<number> => {
      await clock.advance(1);
      return client.invariantViolations().violations;
    };
    await expect.poll(violations, { interval: 1, timeout: 20_000 }).toBe(3);
    await expect(client.request('ping', null, { signal: never })).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
      message: expect.stringContaining('what nobody asked for'),
    });
    expect(client.runs().length).toBeLessThanOrEqual(believed);
    expect(told).toBeGreaterThanOrEqual(3);
    expect(told).toBeLessThan(50_000);
    const { connections } = runner;
    await clock.advance(60_000);
    // Whoever connects is seen by the server in a turn of its own.
    await pause(1);
    expect(runner.connections).toBe(connections);
    expect(clock.pending).toBe(0);
  });
});

describe('a runner of ours', () => {
  const finished = { kind: 'finished', exitCode: 0, reason: 'exited' } as const;

  it('is never taken for one that floods, however many runs it is asked for at once', async () => {
    const clock = new FakeClock();
    await using pair = await RunnerPair.open({ listens: true, clock });
    const { runner, client } = pair;
    let told = 0;
    client.subscribe(({ type }) => {
      if (type === 'unasked') told += 1;
    });
    const request = { mode: 'query', code: '1', timeoutMs: null } as const;
    for (let count = 0; count < 4_200; count += 100) {
      const asked = Array.from({ length: 100 }, (_, index) => parseRunId(`r${count + index}`));
      await Promise.all(asked.map((each) => client.request('execute', { run: each, request }, { signal: never })));
      for (const each of asked) {
        for (const phase of ['running', 'waiting-input', 'running'] as const) {
          runner.broadcast({ t: 'run', summary: { ...invented(0), run: each, phase, exitCode: null, reason: null } });
        }
        runner.emit(each, finished);
        runner.runs.delete(each);
      }
    }
    await client.request('ping', null, { signal: never });
    expect(client.invariantViolations()).toMatchObject({ violations: 0, reconnects: 0 });
    expect(told).toBe(0);
  });

  it('tells an agent that comes anew of its runs, and is believed about them alone', async () => {
    await using pair = await RunnerPair.open({ listens: false });
    const { runner, client } = pair;
    runner.addRun(run);
    await runner.listen(pair.path);
    await client.ready(never);
    runner.emit(run, finished);
    expect((await collect(client.events(run, 0, never))).map(({ event }) => event.kind)).toEqual(['finished']);
    runner.addRun(parseRunId('invented'));
    runner.disconnect();
    await until(() => client.invariantViolations().reconnects === 1);
    expect(client.runs().map((summary) => summary.run)).toEqual(['mine']);
  });
});
