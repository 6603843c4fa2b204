import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { EndedKernels } from './ended-kernels.ts';

describe('the kernels that ended lately', () => {
  it('are kept for a while, and not when their id is used again', async () => {
    const clock = new FakeClock();
    const ended = new EndedKernels(clock);
    const [one, two] = [recordFixture(), recordFixture()];
    ended.add(one);
    ended.add(two);
    ended.forget(two.spec.id);
    expect(ended.records()).toEqual([one]);
    await clock.advance(600_001);
    expect(ended.get(one.spec.id)).toBeUndefined();
  });

  it('are few when their records are large, the newest of them', () => {
    const ended = new EndedKernels(new FakeClock());
    const environ = [['LARGE', 'x'.repeat(250_000)]] as const;
    const records = Array.from({ length: 100 }, () => recordFixture({ spec: specFixture({ environ }) }));
    for (const record of records) ended.add(record);
    expect(ended.records().length).toBeGreaterThan(10);
    expect(ended.records().length).toBeLessThan(20);
    expect(ended.records().at(-1)).toBe(records.at(-1));
    const small = Array.from({ length: 1_100 }, () => recordFixture());
    for (const record of small) ended.add(record);
    expect(ended.records()).toEqual(small.slice(-1_000));
  });
});
