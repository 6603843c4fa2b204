import { expect, it } from 'vitest';
import { ModelHealths } from './model-healths.ts';

it('tells each change once, and nothing of what is not known', () => {
  const healths = new ModelHealths();
  expect(healths.changes([{ name: 'm', healthy: null }])).toEqual([]);
  const both = [
    { name: 'm', healthy: true },
    { name: 'n', healthy: false },
  ];
  expect(healths.changes(both)).toEqual(both);
  expect(healths.changes(both)).toEqual([]);
  expect(healths.changes([{ name: 'm', healthy: false }])).toEqual([{ name: 'm', healthy: false }]);
});
