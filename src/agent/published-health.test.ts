import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { PublishedHealth } from './published-health.ts';

it('is published at each change once, and not while it is unknown', () => {
  const health = new PublishedHealth([{ name: 'm' }, { name: 'n' }], new FakeClock());
  expect(health.changes([{ name: 'm', healthy: null }])).toEqual({ changes: [], dropped: 0 });
  const both = [
    { name: 'm', healthy: true },
    { name: 'n', healthy: false },
  ];
  expect(health.changes(both)).toEqual({ changes: both, dropped: 0 });
  expect(health.changes(both)).toEqual({ changes: [], dropped: 0 });
  const worse = [{ name: 'm', healthy: false }];
  expect(health.changes(worse)).toEqual({ changes: worse, dropped: 0 });
});

/** Has a model change so often, the first time to `true`; answers how many changes were published, and how many dropped. */
function flap(health: PublishedHealth, name: string, times: number): readonly [number, number] {
  const told = Array.from({ length: times }, (_, n) => health.changes([{ name, healthy: n % 2 === 0 }]));
  const sum = (of: (one: (typeof told)[number]) => number): number => told.reduce((all, one) => all + of(one), 0);
  return [sum(({ changes }) => changes.length), sum(({ dropped }) => dropped)];
}

it('is that of models of the kernel alone, and changes no faster than models are asked', async () => {
  const clock = new FakeClock();
  const health = new PublishedHealth([{ name: 'm' }], clock);
  expect(health.changes([{ name: 'invented', healthy: true }])).toEqual({ changes: [], dropped: 1 });
  expect(flap(health, 'm', 100)).toEqual([100, 0]);
  // What was published last is that it is not healthy: each second time nothing is new.
  expect(flap(health, 'm', 100)).toEqual([0, 50]);
  await clock.advance(1_000);
  expect(health.changes([{ name: 'm', healthy: true }]).changes).toEqual([{ name: 'm', healthy: true }]);
});

it('is told as it is in the end when it changed too fast, though the runner says nothing more of it', async () => {
  const clock = new FakeClock();
  const health = new PublishedHealth([{ name: 'm' }], clock);
  flap(health, 'm', 101);
  expect(health.held()).toEqual([]);
  await clock.advance(1_000);
  expect(health.held()).toEqual([{ name: 'm', healthy: true }]);
  expect(health.held()).toEqual([]);
  flap(health, 'm', 2);
  await clock.advance(1_000);
  // It was lost and found again meanwhile.
  health.changes([{ name: 'm', healthy: true }]);
  expect(health.held()).toEqual([]);
});

it('of one model that changes without end keeps none of the others from being told', () => {
  const health = new PublishedHealth([{ name: 'm' }, { name: 'n' }], new FakeClock());
  expect(flap(health, 'm', 1_000)[0]).toBe(50);
  expect(health.changes([{ name: 'n', healthy: true }]).changes).toEqual([{ name: 'n', healthy: true }]);
});
