import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { specFixture } from '../../test/support/kernel-record.ts';
import { type KernelsFixture, usingFixtures } from '../../test/support/kernels-fixture.ts';
import { KerneletError } from '../lib/errors.ts';
import { FileJournal } from './journal.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

/** From here on nothing is written; answers what ends that. */
function fillDisk({ state }: KernelsFixture): () => void {
  const cause = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  const error = new KerneletError('STATE_UNUSABLE', 'cannot write record.json: the disk is full (ENOSPC)', { cause });
  const after = vi.spyOn(state.writes, 'after').mockRejectedValue(error);
  return () => after.mockRestore();
}

const ends = ({ events }: KernelsFixture) => events.filter(({ type }) => type === 'kernel-terminated');

describe('an end that a full disk cannot take', () => {
  it('waits with the container as it is, and is what it would have been when there is room', async () => {
    const one = await fixture({ settings: { graceMs: 1 } });
    const { spec, containerId } = await one.kernels.registry.create(specFixture(), never);
    const empty = fillDisk(one);
    await expect(
      one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: false }),
    ).rejects.toMatchObject({ message: expect.stringMatching(/waits unless it is forced.*the disk is full/) });
    expect(one.dummy.containers).toMatchObject([{ id: containerId, running: true }]);
    expect([ends(one), one.clients[0]?.requests]).toEqual([[], []]);
    empty();
    await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: false });
    // The tenant's processes have their grace all the same.
    expect(one.clients[0]?.requests).toEqual(['shutdown']);
    expect(ends(one)).toMatchObject([{ reason: 'user-requested' }]);
    expect(await one.leftovers()).toEqual([]);
    // Nothing has happened that never should.
    expect(one.invariantViolations.snapshot()).toEqual({});
  });

  it('happens all the same when it is forced, also after it has waited', async () => {
    const one = await fixture();
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const empty = fillDisk(one);
    const waiting = one.kernels.registry.destroy(spec.id, { reason: 'idle-timeout', force: false });
    await expect(waiting).rejects.toThrow('waits unless it is forced');
    await one.kernels.registry.destroy(spec.id, { reason: 'force-terminated', force: true });
    expect(one.dummy.containers).toEqual([]);
    expect(ends(one)).toMatchObject([{ reason: 'idle-timeout' }]);
    empty();
  });
});

describe('an end that a disk which hangs cannot take', () => {
  it('waits with two writes of its record at most, however often it is tried', async () => {
    const write = vi.spyOn(FileJournal.prototype, 'write');
    const clock = new FakeClock();
    const one = await fixture({ settings: { graceMs: 0 }, parts: { clock } });
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    write.mockClear();
    const { promise: disk, resolve: answer } = Promise.withResolvers<void>();
    const { after } = one.state.writes;
    vi.spyOn(one.state.writes, 'after').mockImplementation(async (...write) => {
      await disk;
      return await after.apply(one.state.writes, write);
    });
    const destroyed = one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: false });
    destroyed.catch(() => {});
    for (let tries = 0; tries < 10; tries += 1) {
      await clock.advance(60_000);
      await setTimeout(5);
    }
    expect(write.mock.calls.length).toBe(2);
    expect(one.dummy.containers).toMatchObject([{ running: true }]);
    write.mockRestore();
    answer();
    const containersLater = async () => {
      await clock.advance(30_000);
      return one.dummy.containers;
    };
    await expect.poll(containersLater).toEqual([]);
  });
});

describe('a record that a disk which hangs lets go late', () => {
  it('is forgotten when it is gone, though nobody waits for that any more', async () => {
    const clock = new FakeClock();
    const forgotten: unknown[] = [];
    const nothing = { publish: () => {}, hasEnded: () => false, hasToldEnd: () => false, hasFinished: () => false };
    const forget = ({ spec }: { readonly spec: { readonly id: unknown } }) => void forgotten.push(spec.id);
    const one = await fixture({ settings: { graceMs: 0 }, parts: { clock, events: { ...nothing, forget } } });
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const { promise: disk, resolve: answer } = Promise.withResolvers<void>();
    const hung = vi.spyOn(one.state.writes, 'synced').mockReturnValue(disk);
    const destroyed = one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    await vi.waitFor(() => expect(hung).toHaveBeenCalled());
    await clock.advance(60_000);
    await destroyed;
    expect(forgotten).toEqual([]);
    answer();
    await expect.poll(() => forgotten).toEqual([spec.id]);
    expect(await one.leftovers()).toEqual([]);
  });
});
