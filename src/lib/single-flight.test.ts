import { describe, expect, it } from 'vitest';
import { CoalescedTask, SingleFlight } from './single-flight.ts';

function plannedWork() {
  const done = Promise.withResolvers<string>();
  const starts: AbortSignal[] = [];
  let tell: (progress: string) => void = () => {};
  return {
    done,
    starts,
    tell: (progress: string) => tell(progress),
    start: (onProgress: (progress: string) => void, signal: AbortSignal) => {
      starts.push(signal);
      tell = onProgress;
      return done.promise;
    },
  };
}

const never = new AbortController().signal;

describe('SingleFlight', () => {
  it('does the work once for all who ask at once, and again later', async () => {
    const shared = new SingleFlight<string, string>();
    const work = plannedWork();
    const seen: string[] = [];
    const first = shared.join('a', work.start, never, (line) => seen.push(`1 ${line}`));
    const second = shared.join('a', work.start, never, (line) => seen.push(`2 ${line}`));
    work.tell('half');
    work.done.resolve('result');
    expect(await Promise.all([first, second])).toEqual(['result', 'result']);
    expect(work.starts).toHaveLength(1);
    expect(seen).toEqual(['1 half', '2 half']);
    await shared.join('a', work.start, never);
    expect(work.starts).toHaveLength(2);
  });

  it('keeps keys apart', async () => {
    const shared = new SingleFlight<string, string>();
    const [a, b] = [plannedWork(), plannedWork()];
    const results = [shared.join('a', a.start, never), shared.join('b', b.start, never)];
    a.done.resolve('a');
    b.done.resolve('b');
    expect(await Promise.all(results)).toEqual(['a', 'b']);
  });

  it('lets one give up without harm to the others, and aborts when the last does', async () => {
    const shared = new SingleFlight<string, string>();
    const work = plannedWork();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = shared.join('a', work.start, one.signal);
    const second = shared.join('a', work.start, two.signal);
    one.abort(new Error('one left'));
    await expect(first).rejects.toThrow('one left');
    expect(work.starts[0]?.aborted).toBe(false);
    two.abort(new Error('two left'));
    await expect(second).rejects.toThrow('two left');
    expect(work.starts[0]?.aborted).toBe(true);
    const next = plannedWork();
    next.done.resolve('anew');
    expect(await shared.join('a', next.start, never)).toBe('anew');
    work.done.reject(new Error('aborted'));
  });

  it('gives a failure to all', async () => {
    const shared = new SingleFlight<string, string>();
    const work = plannedWork();
    const results = [shared.join('a', work.start, never), shared.join('a', work.start, never)];
    work.done.reject(new Error('no'));
    for (const result of results) await expect(result).rejects.toThrow('no');
  });
});

describe('CoalescedTask', () => {
  it('does once more what was asked for meanwhile, however often, and never two at a time', async () => {
    let [begun, underWay, max] = [0, 0, 0];
    const gates: (() => void)[] = [];
    const work = new CoalescedTask(async () => {
      begun += 1;
      underWay += 1;
      max = Math.max(max, underWay);
      await new Promise<void>((resolve) => gates.push(resolve));
      underWay -= 1;
    });
    await work.settled();
    for (let times = 0; times < 100; times += 1) work.request();
    expect(begun).toBe(1);
    gates[0]?.();
    await expect.poll(() => begun).toBe(2);
    gates[1]?.();
    await work.settled();
    expect([begun, max]).toEqual([2, 1]);
    work.request();
    gates[2]?.();
    await work.settled();
    expect(begun).toBe(3);
  });

  it('goes on after a failure', async () => {
    let begun = 0;
    const work = new CoalescedTask(async () => {
      begun += 1;
      throw new Error('no');
    });
    work.request();
    await work.settled();
    work.request();
    await work.settled();
    expect(begun).toBe(2);
  });
});
