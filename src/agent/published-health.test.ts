import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import { PublishedHealth } from './background-jobs.ts';

it('is published at each change once, and not while it is unknown', () => {
  const rate = new TokenBucket({ clock: new FakeClock(), burst: 100, perSecond: 1 });
  const healths = new PublishedHealth([{ name: 'm' }, { name: 'n' }], rate);
  expect(healths.changes([{ name: 'm', healthy: null }])).toEqual({ changes: [], dropped: 0 });
  const both = [
    { name: 'm', healthy: true },
    { name: 'n', healthy: false },
  ];
  expect(healths.changes(both)).toEqual({ changes: both, dropped: 0 });
  expect(healths.changes(both)).toEqual({ changes: [], dropped: 0 });
  const worse = [{ name: 'm', healthy: false }];
  expect(healths.changes(worse)).toEqual({ changes: worse, dropped: 0 });
});

it('is that of models of the kernel alone, and changes no faster than models are asked; the last one counts', async () => {
  const clock = new FakeClock();
  const rate = new TokenBucket({ clock, burst: 2, perSecond: 1 });
  const healths = new PublishedHealth([{ name: 'm' }], rate);
  expect(healths.changes([{ name: 'invented', healthy: true }])).toEqual({ changes: [], dropped: 1 });
  const told = [true, false, true, false, true].map((healthy) => healths.changes([{ name: 'm', healthy }]));
  expect(told.map(({ changes }) => changes.length)).toEqual([1, 1, 0, 0, 0]);
  expect(told.map(({ dropped }) => dropped)).toEqual([0, 0, 1, 0, 1]);
  await clock.advance(1_000);
  expect(healths.changes([{ name: 'm', healthy: true }]).changes).toEqual([{ name: 'm', healthy: true }]);
});
