import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import type { Run, RunControl } from './run.ts';
import { Runs } from './runs.ts';

const id = (name: string): RunId => name as RunId;
const query = (code: string): ExecuteRequest => ({ mode: 'query', code, timeoutMs: null });
const background = (name: string): ExecuteRequest => ({
  mode: 'command',
  argv: ['server'],
  name,
  output: 'newest',
  timeoutMs: null,
});
const inContext = (context: string): ExecuteRequest => ({ mode: 'query', code: '1', context, timeoutMs: null });
const command = (...argv: string[]): ExecuteRequest => ({ mode: 'command', argv, timeoutMs: null });

/** A set of runs whose programs end when the test says so. */
function setUp(options: { limitBytes?: number; released?: boolean } = {}) {
  const clock = new FakeClock();
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const signals: string[] = [];
  const control: RunControl = {
    interrupt: () => true,
    cancel: (signal) => void signals.push(signal),
    resize: () => false,
    signal: (signal) => signals.push(`only ${signal}`) > 0,
    ask: () => ({ [Symbol.dispose]() {} }),
    input: () => true,
    stdin: async () => true,
  };
  const runs = new Runs({
    limitBytes: options.limitBytes ?? 1000,
    keepMs: 60_000,
    clock,
    observer: { eventsAdded() {}, phaseChanged() {} },
    assertContext(name) {
      if (!['main', 'second'].includes(name)) throw new KerneletError('CONTEXT_NOT_FOUND', name);
    },
    execute(run: Run) {
      begun.push(run.id);
      run.begin(control);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      ends.set(run.id, (error) => {
        if (error) return reject(error);
        run.finish(0, 'exited');
        resolve();
      });
      return promise;
    },
  });
  if (options.released ?? true) runs.release();
  const end = async (name: string, error?: Error): Promise<void> => {
    ends.get(name)?.(error);
    await clock.advance(0);
  };
  return { runs, clock, begun, end, signals };
}
const phases = (runs: Runs) => runs.list().map(({ run, phase }) => `${run} ${phase}`);

describe('the runs of a kernel', () => {
  it('begin one after the other, and none before the kernel is ready', async () => {
    const { runs, begun, end } = setUp({ released: false });
    for (const name of ['a', 'b', 'c']) runs.execute(id(name), query(name));
    expect(begun).toEqual([]);
    runs.release();
    expect(phases(runs)).toEqual(['a running', 'b queued', 'c queued']);
    await end('a');
    await end('b');
    expect(phases(runs)).toEqual(['a finished', 'b finished', 'c running']);
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  // @promise side-by-side
  it('that are programs or commands begin at once beside those that run, within a bound', async () => {
    const { runs, begun, end } = setUp({ released: false });
    runs.execute(id('cell'), query('1'));
    for (let count = 0; count < 64; count += 1) runs.execute(id(`c${count}`), command('sleep'));
    expect(begun).toEqual([]);
    runs.release();
    expect(begun).toHaveLength(65);
    expect(() => runs.execute(id('more'), command('ls'))).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
    await end('c7');
    runs.execute(id('more'), command('ls'));
    expect(runs.get(id('more')).phase).toBe('running');
    expect(runs.runningIn('main')?.id).toBe('cell');
  });

  // @promise side-by-side
  it('that wait say behind what, each behind the one before it', async () => {
    const { runs, end } = setUp();
    for (const name of ['a', 'b', 'c']) runs.execute(id(name), query(name));
    runs.execute(id('beside'), command('ls'));
    const first = (name: string) => runs.get(id(name)).replay.next(0)?.event;
    expect(['a', 'b', 'c', 'beside'].map(first)).toEqual([
      { kind: 'started' },
      { kind: 'queued', behind: 'a' },
      { kind: 'queued', behind: 'b' },
      { kind: 'started' },
    ]);
    await end('a');
    expect(runs.get(id('b')).replay.next(1)?.event).toEqual({ kind: 'started' });
  });

  // @promise contexts
  it('of one context go in their order, beside those of the others', async () => {
    const { runs, begun, end } = setUp();
    runs.execute(id('a'), query('1'));
    for (const name of ['b', 'c']) runs.execute(id(name), inContext('second'));
    runs.execute(id('d'), { mode: 'batch', clean: null, build: null, exec: 'x', timeoutMs: null });
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('a');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    expect(() => runs.execute(id('e'), inContext('third'))).toThrow(
      expect.objectContaining({ code: 'CONTEXT_NOT_FOUND' }),
    );
  });

  // @promise contexts
  it('of a context that ends are cancelled, those of others are not', async () => {
    const { runs, signals, end } = setUp();
    runs.execute(id('a'), query('1'));
    for (const name of ['b', 'c']) runs.execute(id(name), inContext('second'));
    expect(runs.waitingIn('second')).toBe(1);
    runs.cancelIn('second');
    expect(signals).toEqual(['SIGKILL']);
    await end('b');
    expect(phases(runs)).toEqual(['a running', 'b finished', 'c finished']);
    expect(runs.get(id('c')).summary()).toMatchObject({ reason: 'cancelled' });
  });

  // @promise processes
  it('have names that no two have that have not ended', async () => {
    const { runs, end } = setUp();
    runs.execute(id('a'), background('web'));
    const taken = expect.objectContaining({ code: 'RUN_EXISTS' });
    expect(() => runs.execute(id('b'), background('web'))).toThrow(taken);
    expect(() => runs.execute(id('b'), background('a'))).toThrow(taken);
    expect(runs.execute(id('a'), background('web'))).toEqual({ existing: true });
    await end('a');
    expect(runs.execute(id('b'), background('web'))).toEqual({ existing: false });
  });

  it('that wait for no reader hold up no other, and are remembered a day after their end', async () => {
    const { runs, clock, end, begun } = setUp({ limitBytes: 1000 });
    runs.execute(id('a'), background('web'));
    for (let count = 0; count < 40; count += 1) runs.get(id('a')).output('stdout', Buffer.alloc(100_000));
    await end('a');
    runs.execute(id('cell'), query('1'));
    expect(begun).toEqual(['a', 'cell']);
    await end('cell');
    runs.acknowledge(id('cell'), 2);
    await clock.advance(60_000);
    expect(runs.list()).toMatchObject([{ run: 'a', name: 'web', exitCode: 0, command: 'server' }]);
  });

  // @promise processes
  it('that ended lately keep the output that nobody waited for, of the last eight all of it', async () => {
    const { runs, end } = setUp();
    for (let count = 0; count < 10; count += 1) {
      runs.execute(id(`r${count}`), background(`p${count}`));
      for (let piece = 0; piece < 8; piece += 1) runs.get(id(`r${count}`)).output('stdout', Buffer.alloc(60_000));
      await end(`r${count}`);
    }
    const first = (count: number) => runs.get(id(`r${count}`)).replay.next(0)?.event.kind;
    expect([0, 1, 2, 9].map(first)).toEqual(['dropped', 'dropped', 'started', 'started']);
  });

  it('are signalled and go on; one that waits has no process', async () => {
    const { runs, signals } = setUp();
    runs.execute(id('a'), query('1'));
    runs.execute(id('b'), query('1'));
    expect([runs.signal(id('a'), 'SIGHUP'), runs.signal(id('b'), 'SIGHUP')]).toEqual([true, false]);
    expect(signals).toEqual(['only SIGHUP']);
    expect(() => runs.signal(id('a'), 'SIGNOTHING')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('answer for the question of a program of which nobody knows by which run it is asked', async () => {
    const { runs, end } = setUp();
    expect(runs.asking).toBeNull();
    for (const name of ['old', 'new']) runs.execute(id(name), command('ask'));
    expect(runs.asking?.id).toBe('new');
    runs.execute(id('cell'), query('1'));
    expect(runs.asking?.id).toBe('cell');
    await end('cell');
    await end('new');
    expect(runs.asking?.id).toBe('old');
  });

  it('are begun once by id, and refuse another request under it, also after their end', async () => {
    const { runs, begun, end } = setUp();
    expect(runs.execute(id('a'), query('1'))).toEqual({ existing: false });
    expect(runs.execute(id('a'), query('1'))).toEqual({ existing: true });
    await end('a');
    expect(runs.execute(id('a'), query('1'))).toEqual({ existing: true });
    expect(() => runs.execute(id('a'), query('2'))).toThrow(expect.objectContaining({ code: 'RUN_EXISTS' }));
    expect(begun).toEqual(['a']);
  });

  it('are bounded while they wait', () => {
    const { runs } = setUp();
    for (let count = 0; count <= 256; count += 1) runs.execute(id(`r${count}`), query('1'));
    expect(() => runs.execute(id('more'), query('1'))).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
  });

  it('that wait are taken off the queue without running; one that runs is signalled', async () => {
    const { runs, begun, end, signals } = setUp();
    for (const name of ['a', 'b', 'c']) runs.execute(id(name), query(name));
    runs.cancel(id('b'), 'SIGTERM');
    expect(runs.get(id('b')).summary()).toMatchObject({ phase: 'finished', exitCode: -15, reason: 'cancelled' });
    runs.cancel(id('a'), 'SIGINT');
    expect(signals).toEqual(['SIGINT']);
    expect(() => runs.cancel(id('a'), 'SIGNOTHING')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    await end('a');
    expect(begun).toEqual(['a', 'c']);
  });

  it('go on after one whose execution failed, which says so', async () => {
    const { runs, end } = setUp();
    runs.execute(id('a'), query('1'));
    runs.execute(id('b'), query('1'));
    await end('a', new Error('broken'));
    expect(runs.get(id('a')).summary()).toMatchObject({ phase: 'finished', exitCode: -1, reason: 'internal' });
    expect(Buffer.from(runs.get(id('a')).replay.next(1)?.body ?? '').toString()).toContain('broken');
    expect(runs.runningIn('main')?.id).toBe('b');
  });

  it('wait as long as too much output of finished ones has not been fetched', async () => {
    const { runs, begun, end } = setUp({ limitBytes: 1000 });
    runs.execute(id('a'), query('1'));
    runs.get(id('a')).output('stdout', Buffer.alloc(4000));
    runs.execute(id('b'), query('1'));
    await end('a');
    expect(begun).toEqual(['a']);
    runs.execute(id('beside'), command('ls'));
    expect(begun).toEqual(['a', 'beside']);
    runs.acknowledge(id('a'), runs.get(id('a')).replay.last);
    expect(begun).toEqual(['a', 'beside', 'b']);
  });

  it('are forgotten after a while, on request, and when there are too many', async () => {
    const { runs, clock, end } = setUp();
    runs.execute(id('a'), query('1'));
    expect(() => runs.forget(id('a'))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    await end('a');
    runs.forget(id('a'));
    expect(() => runs.get(id('a'))).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
    runs.execute(id('b'), query('1'));
    await end('b');
    runs.acknowledge(id('b'), 2);
    await clock.advance(59_999);
    expect(phases(runs)).toEqual(['b finished']);
    await clock.advance(1);
    expect(phases(runs)).toEqual([]);
    for (let count = 0; count < 70; count += 1) {
      runs.execute(id(`r${count}`), query('1'));
      await end(`r${count}`);
      runs.acknowledge(id(`r${count}`), 2);
    }
    expect(runs.list()).toHaveLength(64);
    expect(runs.list()[0]?.run).toBe('r6');
    for (const { run } of runs.list()) runs.forget(run);
    expect(clock.pending).toBe(0);
  });

  it('that nobody has fetched are not begun again, and say how they ended for a day', async () => {
    const { runs, clock, begun, end } = setUp();
    runs.execute(id('a'), query('1'));
    await end('a');
    await clock.advance(60_000);
    expect(runs.list()).toMatchObject([{ run: 'a', phase: 'finished', exitCode: 0, reason: 'exited' }]);
    expect(() => runs.get(id('a'))).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
    expect(runs.execute(id('a'), query('1'))).toEqual({ existing: true });
    expect(() => runs.execute(id('a'), query('2'))).toThrow(expect.objectContaining({ code: 'RUN_EXISTS' }));
    runs.forget(id('a'));
    expect(runs.list()).toEqual([]);
    for (let count = 0; count < 66; count += 1) {
      runs.execute(id(`r${count}`), query('1'));
      await end(`r${count}`);
      await clock.advance(60_000);
    }
    expect(runs.list()).toHaveLength(64);
    expect(begun).toHaveLength(67);
    await clock.advance(24 * 3_600_000);
    expect([runs.list(), clock.pending]).toEqual([[], 0]);
  });

  it('end when the kernel does, and new ones are refused', () => {
    const { runs } = setUp();
    runs.execute(id('a'), query('1'));
    runs.execute(id('b'), query('1'));
    runs.close();
    expect(phases(runs)).toEqual(['a running', 'b finished']);
    expect(() => runs.execute(id('c'), query('1'))).toThrow(expect.objectContaining({ code: 'SHUTTING_DOWN' }));
    expect(runs.execute(id('a'), query('1'))).toEqual({ existing: true });
  });
});
