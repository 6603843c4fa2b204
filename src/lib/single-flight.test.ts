import { describe, expect, it } from 'vitest';
import { SingleFlight } from './single-flight.ts';

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
    expect(shared.size).toBe(0);
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
    expect(shared.size).toBe(0);
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
    expect(shared.size).toBe(0);
  });
});
