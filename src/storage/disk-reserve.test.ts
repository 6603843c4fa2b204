import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { systemClock } from '../lib/clock.ts';
import { usualReserve } from '../lib/disk-space.ts';
import { DiskReserve } from './disk-reserve.ts';

const mib = 2 ** 20;
const total = 1_000 * mib;

function reserve(
  free: Readonly<Record<string, number>>,
  reserved: ConstructorParameters<typeof DiskReserve>[0]['reserved'] = { bytes: 256 * mib },
) {
  return new DiskReserve({
    folders: Object.keys(free),
    reserved,
    space: async (folder) => ({ free: free[folder] ?? 0, total }),
    clock: systemClock,
  });
}

it('refuses kernels while one of the folders has less free than is reserved, and says which', async () => {
  await reserve({ '/state': 256 * mib, '/scratch': 300 * mib }).assertFree();
  await expect(reserve({ '/state': 900 * mib, '/scratch': 255 * mib }).assertFree()).rejects.toMatchObject({
    code: 'INSUFFICIENT_RESOURCES',
    message: expect.stringMatching(/255 MiB are free below \/scratch, and 256 MiB .*kernelet\.disk-reserve/),
  });
});

it.each([
  [{ part: 0.1 }, 99, true],
  [{ part: 0.1 }, 101, false],
  [{ bytes: 0 }, 0, false],
  [usualReserve, 49, true],
  [usualReserve, 51, false],
] as const)('of %j, %i MiB of 1000 are too little: %s', async (reserved, free, isShort) => {
  const one = reserve({ '/state': free * mib }, reserved);
  const refused = await one.assertFree().then(
    () => false,
    () => true,
  );
  expect(refused).toBe(isShort);
  expect(await one.isShort()).toBe(isShort);
});

it('refuses nothing when the disk does not say what is free, and asks it no second time meanwhile', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const hanging = new DiskReserve({
    folders: ['/state'],
    reserved: { bytes: mib },
    space: () => {
      asked += 1;
      return new Promise(() => {});
    },
    clock,
  });
  const both = Promise.all([hanging.assertFree(), hanging.assertFree()]);
  const shown = hanging.isShort();
  await clock.advance(1_000);
  await both;
  expect(await shown).toBe(false);
  expect(asked).toBe(1);
});

it('shows what is so now, however long ago it was asked last, and the last look while the disk hangs', async () => {
  const clock = new FakeClock();
  let space = Promise.resolve({ free: 2 * mib, total });
  const one = new DiskReserve({ folders: ['/state'], reserved: { bytes: mib }, space: () => space, clock });
  expect(await one.isShort()).toBe(false);
  await clock.advance(3_600_000);
  space = Promise.resolve({ free: 0, total });
  expect(await one.isShort()).toBe(true);
  await clock.advance(3_600_000);
  space = new Promise(() => {});
  const shown = one.isShort();
  await clock.advance(1_000);
  expect(await shown).toBe(true);
});
