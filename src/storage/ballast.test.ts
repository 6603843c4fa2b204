import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/log.ts';
import { Ballast } from './ballast.ts';

const mib = 2 ** 20;
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-ballast-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const size = () =>
  stat(join(folder, 'ballast')).then(
    (facts) => facts.size,
    () => null,
  );

it('takes real blocks of the disk, 4 MiB or a hundredth of a small one, and gives them back', async () => {
  const large = new Ballast(folder);
  expect(await large.make()).toBe(true);
  const { size: bytes, blocks } = await stat(join(folder, 'ballast'));
  expect([bytes, blocks * 512 >= bytes]).toEqual([4 * mib, true]);
  await large.giveUp();
  await large.giveUp();
  expect(await size()).toBeNull();
  await new Ballast(folder, async () => ({ free: 40 * mib, total: 50 * mib })).make();
  expect(await size()).toBe(mib / 2);
});

it('is made where four times its size are free, and is whole after a start that was cut short', async () => {
  let free = 15 * mib;
  const ballast = new Ballast(folder, async () => ({ free, total: 1_000 * mib }));
  expect([await ballast.make(), await size()]).toEqual([false, null]);
  free = 17 * mib;
  expect(await ballast.make()).toBe(true);
  await truncate(join(folder, 'ballast'), 100);
  expect([await ballast.make(), await size()]).toEqual([true, 4 * mib]);
  // What is there needs no room.
  free = 0;
  expect(await ballast.make()).toBe(true);
});

it('is made again when there is room again', async () => {
  let free = 100 * mib;
  const clock = new FakeClock();
  const end = new AbortController();
  const ballast = new Ballast(folder, async () => ({ free, total: 1_000 * mib }));
  const keeping = ballast.keep(clock, silentLogger, end.signal);
  await expect.poll(size).toBe(4 * mib);
  await ballast.giveUp();
  free = 0;
  // Its own waits are for the disk: time goes on when those are over.
  const pass = () => new Promise<void>((resolve) => systemClock.after(50, resolve)).then(() => clock.advance(10_000));
  await pass();
  await pass();
  expect(await size()).toBeNull();
  free = 100 * mib;
  await expect
    .poll(async () => {
      await pass();
      return await size();
    })
    .toBe(4 * mib);
  end.abort();
  await keeping;
});

it('is tried again after ten minutes where it could not be made though there is room, as under a quota', async () => {
  const clock = new FakeClock();
  const end = new AbortController();
  let looks = 0;
  const ballast = new Ballast(folder, async () => {
    looks += 1;
    throw new Error('EDQUOT');
  });
  const keeping = ballast.keep(clock, silentLogger, end.signal);
  /** After each advance it waits for the next: a look that is due is over by then. */
  const pass = async (ms: number): Promise<void> => {
    await expect.poll(() => clock.pending, { interval: 1 }).toBe(1);
    await clock.advance(ms);
    await expect.poll(() => clock.pending, { interval: 1 }).toBe(1);
  };
  for (let passed = 0; passed < 590_000; passed += 10_000) await pass(10_000);
  expect(looks).toBe(1);
  await pass(10_000);
  expect(looks).toBe(2);
  end.abort();
  await keeping;
});
