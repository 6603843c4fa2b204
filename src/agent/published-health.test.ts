import { expect, it } from 'vitest';
import { PublishedHealth } from './background-jobs.ts';

it('is published at each change once, and not while it is unknown', () => {
  const healths = new PublishedHealth();
  expect(healths.changes([{ name: 'm', healthy: null }])).toEqual([]);
  const both = [
    { name: 'm', healthy: true },
    { name: 'n', healthy: false },
  ];
  expect(healths.changes(both)).toEqual(both);
  expect(healths.changes(both)).toEqual([]);
  expect(healths.changes([{ name: 'm', healthy: false }])).toEqual([{ name: 'm', healthy: false }]);
});
