import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { FakeRunner } from '../../test/support/fake-runner.ts';
import { parseRunId } from '../lib/ids.ts';
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
      index.update({ run, phase: 'running', last: 9, oldest: 8, exitCode: null, reason: null }),
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
      index.update({ run, phase: 'finished', last: 9, oldest: 1, exitCode: 0, reason: 'exited' }),
    );
    const reader = readers.open(run, 0, never);
    const first = reader.next();
    await Promise.all([clock.advance(10_000), expect(first).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })]);
    await expect(readers.open(run, 0, never).next()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect((await readers.open(run, 9, never).next()).done).toBe(true);
    expect(clock.pending).toBe(0);
  });
});
