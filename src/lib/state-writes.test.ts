import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { StateWrites } from './state-writes.ts';

/** Writes that are done when the test says so. */
function gated() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { write: () => promise, done: resolve, fail: reject };
}

it('does one write after the other, also after one that fails, and others after those before them', async () => {
  const writes = new StateWrites();
  const done: string[] = [];
  const first = gated();
  const failing = writes.append(1, first.write);
  const second = writes.append(1, async () => void done.push('second'));
  const beside = writes.after(async () => void done.push('beside'));
  const third = writes.append(1, async () => void done.push('third'));
  await Promise.resolve();
  expect(done).toEqual([]);
  first.fail(new Error('full'));
  await expect(failing).rejects.toThrow('full');
  await Promise.all([second, beside, third]);
  expect(done.indexOf('second')).toBe(0);
  expect(done.toSorted()).toEqual(['beside', 'second', 'third']);
});

it('is stalled from the third second of a write on, until that is done', async () => {
  const clock = new FakeClock();
  const writes = new StateWrites({ clock });
  const hanging = gated();
  const append = writes.append(1, hanging.write);
  await clock.advance(2_900);
  expect(writes.stalled).toBe(false);
  writes.assertWritable();
  await clock.advance(200);
  expect(writes.stalled).toBe(true);
  expect(() => writes.assertWritable()).toThrow(expect.objectContaining({ code: 'STATE_UNUSABLE' }));
  const waited = writes.settled(1_000);
  await clock.advance(1_000);
  expect(await waited).toBe(false);
  hanging.done();
  await append;
  expect(writes.stalled).toBe(false);
  expect(await writes.settled(1_000)).toBe(true);
});

it('refuses what does not fit beside what waits, and takes more when that is done', async () => {
  const writes = new StateWrites({ maxWaitingBytes: 10 });
  const hanging = gated();
  const first = writes.append(8, hanging.write);
  await expect(writes.append(3, async () => {})).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  hanging.done();
  await first;
  await writes.settled(1_000);
  await writes.append(10, async () => {});
});

it('has one sync for all who ask during another, and takes a row of short ones for no stall', async () => {
  const clock = new FakeClock();
  const writes = new StateWrites({ clock });
  const file = {};
  const syncs: ReturnType<typeof gated>[] = [];
  const sync = (): void => {
    void writes.sync(
      file,
      () => {
        const one = gated();
        syncs.push(one);
        return one.write();
      },
      () => {},
    );
  };
  sync();
  await clock.advance(0);
  for (let round = 0; round < 40; round += 1) {
    // Lines go on coming during each.
    sync();
    sync();
    expect(syncs).toHaveLength(round + 1);
    await clock.advance(100);
    syncs.at(-1)?.done();
    await clock.advance(0);
    expect(writes.stalled).toBe(false);
  }
  const order: string[] = [];
  sync();
  const removal = writes.afterSync(async () => void order.push('removed'));
  // More lines come: the removal waits for the sync that covers those before it.
  const covering = syncs.length;
  syncs.at(-1)?.done();
  await clock.advance(0);
  expect([order, syncs.length]).toEqual([[], covering + 1]);
  sync();
  syncs.at(-1)?.done();
  await removal;
  expect(order).toEqual(['removed']);
});

// @promise disk-hangs
it('lets a hung disk have some writes of other files, and not all threads', async () => {
  const writes = new StateWrites();
  let begun = 0;
  const hanging = Array.from({ length: 9 }, () => {
    const one = gated();
    const done = writes.after(async () => {
      begun += 1;
      await one.write();
    });
    return { ...one, finished: done };
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun).toBe(4);
  for (const one of hanging) one.done();
  await Promise.all(hanging.map(({ finished }) => finished));
  expect(begun).toBe(9);
});

/** A disk with room for so many writes more, and a ballast that makes room for one. */
function fullDisk() {
  const disk = { room: 0, ballasts: 1, written: [] as string[] };
  const ballast = {
    giveUp: async () => {
      disk.room += disk.ballasts;
      disk.ballasts = 0;
    },
  };
  const write = (what: string) => async (): Promise<void> => {
    if (disk.room === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    disk.room -= 1;
    disk.written.push(what);
  };
  return { disk, ballast, write };
}

describe('on a full disk', () => {
  it('the ballast is given up for what must not be lost, and for nothing else', async () => {
    const { disk, ballast, write } = fullDisk();
    const writes = new StateWrites({ ballast });
    await expect(writes.after(write('creation'), { sparesBallast: true })).rejects.toThrow('ENOSPC');
    expect(disk.ballasts).toBe(1);
    await writes.after(write('end'));
    await expect(writes.after(write('later'))).rejects.toThrow('ENOSPC');
    expect(disk.written).toEqual(['end']);
  });

  it('a line waits for room when there is no ballast, and what comes after it waits too', async () => {
    const { disk, ballast, write } = fullDisk();
    disk.ballasts = 0;
    const clock = new FakeClock();
    const writes = new StateWrites({ clock, ballast });
    const all = [writes.append(1, write('line')), writes.append(1, write('next')), writes.afterSync(write('removal'))];
    await clock.advance(60_000);
    expect([disk.written, writes.full, writes.stalled]).toEqual([[], true, false]);
    expect(() => writes.assertWritable()).toThrow('the disk of the state folder is full');
    const waited = writes.settled(1_000);
    await clock.advance(1_000);
    expect(await waited).toBe(false);
    disk.room = 3;
    await clock.advance(5_000);
    await Promise.all(all);
    expect([disk.written, writes.full]).toEqual([['line', 'next', 'removal'], false]);
    writes.assertWritable();
  });
});
