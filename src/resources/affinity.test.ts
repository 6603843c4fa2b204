import { expect, it } from 'vitest';
import { AffinityMap } from './affinity.ts';

it('orders nodes by number, then those of cloud hosts, then the unknown', () => {
  const numa = [null, -1, 10, 2] as const;
  const map = new AffinityMap(
    ['cpu', 'gpu'].flatMap((device) => numa.map((node) => ({ device, id: String(node), numa: node }))),
  );
  const sources = numa.map((node) => ({ device: 'gpu', id: String(node) }));
  const { primary, secondary } = map.neighbours([...sources, { device: 'gpu', id: 'gone' }], 'cpu');
  expect(primary.map((ids) => [...ids])).toEqual([['2'], ['10'], ['-1'], ['null']]);
  expect(secondary.size).toBe(0);
  expect(map.distance({ device: 'cpu', id: '2' }, { device: 'gpu', id: 'gone' })).toBeUndefined();
});
