import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { FakeRunner } from '../../test/support/fake-runner.ts';
import { parseRunId } from '../lib/ids.ts';
import { FrameError } from '../protocol/frame.ts';
import { undescribed } from '../protocol/run-description.ts';
import { RunIndex } from './run-index.ts';
import { RunReaders } from './run-readers.ts';
import { RunnerConnection } from './runner-connection.ts';

const run = parseRunId('r');
const never = new AbortController().signal;
const total = 2000;

/** What disturbs the stream before an event is produced. */
const disturbance = fc.record({
  before: fc.integer({ min: 1, max: total }),
  what: fc.constantFrom('disconnect', 'lose-acknowledgements', 'take-acknowledgements', 'pause'),
});

/** Produces 2,000 events of odd sizes with disturbances in between. */
async function produce(runner: FakeRunner, disturbances: readonly { before: number; what: string }[]): Promise<void> {
  for (let n = 1; n <= total; n += 1) {
    for (const { before, what } of disturbances) {
      if (before !== n) continue;
      if (what === 'disconnect') runner.disconnect();
      else if (what === 'pause') await new Promise((resolve) => setTimeout(resolve, 2));
      else runner.losesAcknowledgements = what === 'lose-acknowledgements';
    }
    const body = new Uint8Array((n * 7919) % 3000).fill(n % 256);
    runner.emit(run, { kind: n % 3 === 0 ? 'stderr' : 'stdout' }, body);
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  runner.emit(run, { kind: 'finished', exitCode: 0, reason: 'exited' });
}

/** Readers with a connection, of runs that `note` makes known. */
function connectedReaders(note: (index: RunIndex) => void): { readers: RunReaders; clock: FakeClock } {
  const [index, clock] = [new RunIndex(), new FakeClock()];
  const readers = new RunReaders(index, clock);
  note(index);
  readers.connected({ send: () => {}, barrier: async () => {}, drained: async () => {} });
  return { readers, clock };
}

describe('RunReaders', () => {
  it('remembers a bounded number of runs over a connection that lasts', async () => {
    const index = new RunIndex();
    const readers = new RunReaders(index, new FakeClock());
    readers.connected({ send: () => {}, barrier: async () => {}, drained: async () => {} });
    for (let count = 0; count < 10_000; count += 1) {
      const next = parseRunId(`r${count}`);
      index.accepted(next);
      const reader = readers.open(next, 0, never);
      readers.deliver(next, {
        n: 1,
        event: { kind: 'finished', exitCode: 0, reason: 'exited' },
        body: new Uint8Array(),
      });
      await reader.next();
      await reader.next();
    }
    expect(readers.size).toBe(0);
    expect(readers.touchedRuns).toBeLessThan(5_000);
  });

  // @promise run-once
  it('delivers 2,000 events once each and in order through any disconnections and reader changes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'readers-'));
    let file = 0;
    const property = fc.asyncProperty(
      fc.array(disturbance, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: total }), { maxLength: 3 }),
      async (disturbances, changes) => {
        file += 1;
        const socketPath = join(folder, `${file}.sock`);
        await using runner = new FakeRunner();
        await using client = new RunnerConnection({ socketPath, secret: 'secret' });
        runner.addRun(run);
        await runner.listen(socketPath);
        const producing = produce(runner, disturbances);
        let events = client.events(run, 0, never)[Symbol.asyncIterator]();
        for (let expected = 1; ; expected += 1) {
          const next = await events.next();
          if (next.done) {
            expect(expected).toBe(total + 2);
            break;
          }
          expect(next.value.n).toBe(expected);
          if (expected <= total) {
            expect(next.value.body.length).toBe((expected * 7919) % 3000);
            expect(next.value.body.every((byte) => byte === expected % 256)).toBe(true);
          }
          if (changes.includes(expected)) events = client.events(run, expected, never)[Symbol.asyncIterator]();
        }
        await producing;
        expect(client.invariantViolations().violations).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: fuzzRuns(15) });
    await rm(folder, { recursive: true });
  });

  describe('of a run that waits for none', () => {
    const event = (n: number, kind: 'stdout' | 'started' = 'stdout') => ({
      ...{ n, event: { kind }, body: new Uint8Array(1) },
    });
    const dropped = (n: number) => ({ n, event: { kind: 'dropped', upTo: 5 } as const, body: new Uint8Array(0) });
    function setUp() {
      const [index, sent] = [new RunIndex(), [] as unknown[]];
      const readers = new RunReaders(index, new FakeClock());
      const link = { send: (header: unknown) => sent.push(header), barrier: async () => {}, drained: async () => {} };
      const state = { phase: 'running', last: 9, oldest: 1, exitCode: null, reason: null } as const;
      index.update({ ...undescribed, run, output: 'newest', ...state });
      return { readers, sent, link, connect: () => readers.connected(link) };
    }

    // @promise processes
    it('there are as many as come, each with its own events, and none acknowledges for the others', async () => {
      const { readers, sent, connect } = setUp();
      connect();
      const [first, second] = [readers.open(run, 0, never), readers.open(run, 4, never)];
      expect(sent.splice(0)).toEqual([
        { t: 'attach', run, after: 0, reader: 1 },
        { t: 'attach', run, after: 4, reader: 2 },
      ]);
      expect([readers.deliver(run, event(1), 1), readers.deliver(run, event(5), 2)]).toEqual([true, true]);
      expect([(await first.next()).value?.n, (await second.next()).value?.n]).toEqual([1, 5]);
      void first.next();
      void second.next();
      await new Promise((resolve) => setImmediate(resolve));
      await first.return();
      expect(sent).toEqual([{ t: 'detach', run, reader: 1 }]);
      expect(readers.deliver(run, event(2), 1)).toBe(false);
      expect(readers.deliver(parseRunId('other'), event(6), 2)).toBe(false);
      expect([readers.size, readers.orphanedEvents]).toEqual([1, 2]);
    });

    // @promise processes
    it('one that does not read holds up no other, and goes on behind what is gone meanwhile', async () => {
      const { readers, sent, connect } = setUp();
      connect();
      const [dead, alive] = [readers.open(run, 0, never), readers.open(run, 0, never)];
      sent.splice(0);
      let n = 1;
      for (; !sent.some((header) => (header as { t: string }).t === 'detach'); n += 1) {
        readers.deliver(run, { ...event(n), body: new Uint8Array(60_000) }, 1);
        readers.deliver(run, event(n), 2);
        await alive.next();
      }
      expect(sent).toEqual([{ t: 'detach', run, reader: 1 }]);
      readers.deliver(run, event(n), 2);
      expect((await alive.next()).value?.n).toBe(n);
      for (let read = 1; read < n; read += 1) await dead.next();
      void dead.next();
      expect(sent.at(-1)).toEqual({ t: 'attach', run, after: n - 1, reader: 3 });
      readers.deliver(run, dropped(n + 100), 3);
      readers.deliver(run, event(n + 101), 3);
      expect((await dead.next()).value?.n).toBe(n + 101);
      expect(() => readers.deliver(run, event(n + 103), 3)).toThrow(FrameError);
    });

    it('all go on over a lost connection, also those that came before the first', async () => {
      const { readers, sent, connect } = setUp();
      const [first, second] = [readers.open(run, 2, never), readers.open(run, 3, never)];
      connect();
      readers.deliver(run, event(3), 1);
      readers.disconnected();
      sent.splice(0);
      connect();
      expect(sent).toEqual([
        { t: 'attach', run, after: 3, reader: 3 },
        { t: 'attach', run, after: 3, reader: 4 },
      ]);
      expect(readers.deliver(run, event(4), 1)).toBe(false);
      readers.ended({ exitCode: 0, detail: '' });
      expect((await first.next()).value?.n).toBe(3);
      expect((await first.next()).value?.event).toMatchObject({ reason: 'kernel-ended' });
      expect((await second.next()).value?.event).toMatchObject({ reason: 'kernel-ended' });
    });

    it('there are no more than a runner takes', async () => {
      const { readers, connect } = setUp();
      connect();
      for (let count = 0; count < 448; count += 1) readers.open(run, 0, never);
      await expect(readers.open(run, 0, never).next()).rejects.toMatchObject({ code: 'OVERLOADED' });
      expect(readers.size).toBe(448);
    });
  });

  it('of a run that nobody has heard of yet may be several, until it is clear that it has one', async () => {
    const index = new RunIndex();
    const readers = new RunReaders(index, new FakeClock());
    const [first, second] = [readers.open(run, 0, never), readers.open(run, 0, never)];
    const state = { run, phase: 'running', last: 0, oldest: 1, exitCode: null, reason: null } as const;
    index.update({ ...undescribed, ...state });
    readers.connected({ send: () => {}, barrier: async () => {}, drained: async () => {} });
    await expect(first.next()).rejects.toMatchObject({ code: 'CANCELLED' });
    readers.deliver(run, { n: 1, event: { kind: 'started' }, body: new Uint8Array(0) });
    expect((await second.next()).value?.n).toBe(1);
  });

  it('gives readers a synthetic end after the kernel has ended, and drops what comes later', async () => {
    const { readers } = connectedReaders((index) => index.accepted(run));
    const reader = readers.open(run, 0, never);
    readers.deliver(run, { n: 1, event: { kind: 'started' }, body: new Uint8Array(0) });
    readers.ended({ exitCode: 3, detail: '' });
    readers.deliver(run, { n: 2, event: { kind: 'stdout' }, body: new Uint8Array(0) });
    expect((await reader.next()).value?.n).toBe(1);
    expect((await reader.next()).value).toMatchObject({ n: 2, event: { kind: 'finished', exitCode: 3 } });
    expect((await reader.next()).done).toBe(true);
    expect(readers).toMatchObject({ size: 0, orphanedEvents: 1 });
  });

  it('begins where the runner begins when older events are gone', async () => {
    const { readers } = connectedReaders((index) =>
      index.update({ ...undescribed, run, phase: 'running', last: 9, oldest: 8, exitCode: null, reason: null }),
    );
    const reader = readers.open(run, 0, never);
    readers.deliver(run, { n: 8, event: { kind: 'stdout' }, body: new Uint8Array(0) });
    expect((await reader.next()).value?.n).toBe(8);
  });

  it('drops events that come twice', async () => {
    const { readers } = connectedReaders((index) => index.accepted(run));
    const reader = readers.open(run, 0, never);
    for (const n of [1, 1, 2, 1, 3]) readers.deliver(run, { n, event: { kind: 'stdout' }, body: new Uint8Array(0) });
    expect(readers.orphanedEvents).toBe(2);
    for (const n of [1, 2, 3]) expect((await reader.next()).value?.n).toBe(n);
  });

  it('fails a reader of a finished run that the runner has dropped with RUN_NOT_FOUND after 10 s', async () => {
    const { readers, clock } = connectedReaders((index) =>
      index.update({ ...undescribed, run, phase: 'finished', last: 9, oldest: 1, exitCode: 0, reason: 'exited' }),
    );
    const reader = readers.open(run, 0, never);
    const first = reader.next();
    await Promise.all([clock.advance(10_000), expect(first).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })]);
    await expect(readers.open(run, 0, never).next()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect((await readers.open(run, 9, never).next()).done).toBe(true);
    expect(clock.pending).toBe(0);
  });
});
