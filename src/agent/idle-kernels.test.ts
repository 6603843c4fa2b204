import { expect, it } from 'vitest';
import { newKernelId } from '../lib/ids.ts';
import { IdleKernels } from './idle-kernels.ts';

it('says which kernels were idle for their timeout, never a busy one', () => {
  const idle = new IdleKernels();
  const [one, two] = [newKernelId(), newKernelId()];
  idle.watch(one, 1000, 0);
  idle.watch(two, 5000, 0);
  expect(idle.due(999)).toEqual([]);
  expect(idle.due(1000)).toEqual([one]);
  idle.runChanged(one, 'r', true, 1000);
  expect(idle.due(60_000)).toEqual([two]);
  idle.runChanged(one, 'r', false, 60_000);
  idle.used(two, 60_000);
  expect(idle.due(60_999)).toEqual([]);
  expect(idle.due(61_000)).toEqual([one]);
  idle.forget(one);
  expect(idle.due(61_000)).toEqual([]);
});

it('forgets runs that a runner has no more: of an earlier container, or ended while nobody was connected', () => {
  const idle = new IdleKernels();
  const one = newKernelId();
  idle.watch(one, 1000, 0);
  idle.runChanged(one, 'lost', true, 0);
  idle.activeRuns(one, [], 500);
  expect(idle.due(1499)).toEqual([]);
  expect(idle.due(1500)).toEqual([one]);
});

it('a kernel with an open connection to a port of it is not idle', () => {
  const idle = new IdleKernels();
  const one = newKernelId();
  idle.connected(one, 1, 0);
  idle.watch(one, 1000, 0);
  idle.connected(one, 1, 100);
  idle.connected(one, 1, 200);
  idle.connected(one, -1, 300);
  expect(idle.due(60_000)).toEqual([]);
  idle.connected(one, -1, 60_000);
  expect(idle.due(60_999)).toEqual([]);
  expect(idle.due(61_000)).toEqual([one]);
  idle.connected(one, -1, 61_000);
  idle.connected(one, 1, 61_001);
  expect(idle.due(99_000)).toEqual([]);
});
