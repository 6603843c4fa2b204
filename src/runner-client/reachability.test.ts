import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Reachability } from './reachability.ts';

function start() {
  const clock = new FakeClock();
  const told: string[] = [];
  const reachability = new Reachability({
    clock,
    afterMs: 15,
    patienceMs: 300,
    onLost: ({ code }) => told.push(`lost: ${code}`),
    onPatienceOver: () => told.push('patience over'),
    onFound: () => told.push('found'),
  });
  return { clock, told, reachability };
}

it('a runner that owes an answer for too long is unreachable since it was asked, until it is heard', async () => {
  const { clock, told, reachability } = start();
  const askedAt = clock.now();
  await clock.advance(10);
  reachability.asked();
  await clock.advance(4);
  expect([told, reachability.problem, reachability.since]).toEqual([[], null, null]);
  await clock.advance(1);
  expect(told).toEqual(['lost: KERNEL_UNREACHABLE']);
  expect(reachability.since).toBe(askedAt);
  expect(reachability.problem?.message).toContain('2023-11-14T22:13:20');
  reachability.heard();
  expect([told, reachability.problem, reachability.since]).toEqual([['lost: KERNEL_UNREACHABLE', 'found'], null, null]);
  expect(clock.pending).toBe(0);
});

it('one that answers in time is never told of, whatever time passes while nothing is asked', async () => {
  const { clock, told, reachability } = start();
  for (let round = 0; round < 10; round += 1) {
    await clock.advance(14);
    reachability.heard();
    await clock.advance(1_000);
    reachability.asked();
  }
  expect(told).toEqual([]);
});

it('one that stands still on purpose owes nothing, and is asked anew when it goes on', async () => {
  const { clock, told, reachability } = start();
  await clock.advance(14);
  reachability.suspend(true);
  reachability.asked();
  await clock.advance(10_000);
  expect([told, reachability.isSuspended, clock.pending]).toEqual([[], true, 0]);
  reachability.suspend(false);
  reachability.asked();
  await clock.advance(15);
  expect(told).toEqual(['lost: KERNEL_UNREACHABLE']);
  reachability.suspend(true);
  expect([told.at(-1), reachability.problem]).toEqual(['found', null]);
});

it('patience ends once, and neither before nor after the runner is heard', async () => {
  const { clock, told, reachability } = start();
  await clock.advance(15 + 299);
  expect(told).toEqual(['lost: KERNEL_UNREACHABLE']);
  await clock.advance(1);
  await clock.advance(10_000);
  expect(told).toEqual(['lost: KERNEL_UNREACHABLE', 'patience over']);
  reachability.heard();
  reachability.asked();
  await clock.advance(20);
  reachability.heard();
  await clock.advance(10_000);
  expect(told.slice(2)).toEqual(['found', 'lost: KERNEL_UNREACHABLE', 'found']);
});

it('says nothing after it was disposed', async () => {
  const { clock, told, reachability } = start();
  reachability[Symbol.dispose]();
  await clock.advance(10_000);
  expect([told, clock.pending]).toEqual([[], 0]);
});
