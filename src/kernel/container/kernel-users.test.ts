import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { type FixtureOptions, type KernelsFixture, usingFixtures } from '../../../test/support/kernels-fixture.ts';
import type { UserRange } from '../../config/settings.ts';
import type { DummyEngineOptions } from '../../engine/dummy/dummy-engine.ts';
import type { KernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { decodeRecord } from '../record.ts';
import {
  hasFreeUser,
  type IsReserved,
  KernelUsers,
  readReservedIds,
  reservedIds,
  whyUsersAreShared,
} from './kernel-users.ts';

const range: UserRange = { first: 2_000_000, last: 2_000_003, gid: null };
const none: IsReserved = () => false;
const plain = { mappedRoot: null, isRootless: false };
const mappedRoot = { uid: 100_000, gid: 100_000 };
const users = (change: Partial<UserRange> = {}, isReserved = none): KernelUsers =>
  new KernelUsers({ ...range, ...change }, isReserved, silentLogger);

describe('the user of a new kernel', () => {
  it('is one of the range that nobody has, with a group of its number', () => {
    const taken = new Set<number>();
    for (let count = 0; count < 4; count += 1) {
      const { uid, gid } = users().userOf(specFixture(), plain, taken);
      expect(gid).toBe(uid);
      taken.add(uid);
    }
    expect([...taken].sort()).toEqual([2_000_000, 2_000_001, 2_000_002, 2_000_003]);
    expect(() => users().userOf(specFixture(), plain, taken)).toThrow(/every user of 2000000-2000003 is in use/);
  });

  it('has the group that the operator has named', () => {
    expect(users({ gid: 50 }).userOf(specFixture(), plain, new Set()).gid).toBe(50);
  });

  it('is no user, group or subordinate id of this host', () => {
    const isReserved = reservedIds({
      passwd: 'root:x:0:0::/root:/bin/sh\nann:x:2000000:100::/:/bin/sh\n',
      group: 'staff:x:2000001:ann\n\n',
      subuid: 'ann:2000002:1\n# a comment\n',
      subgid: 'ann:100000:65536\n',
    });
    expect(users({}, isReserved).userOf(specFixture(), plain, new Set()).uid).toBe(2_000_003);
    expect([0, 100, 99_999, 100_000, 165_535, 165_536].map(isReserved)).toEqual([true, true, false, true, true, false]);
  });

  it('is the common one where it has folders of this host, which are made for that', () => {
    const mounts = [{ source: '/srv/data', target: '/home/work/data', readOnly: true }];
    expect(users().userOf(specFixture({ mounts }), plain, new Set())).toEqual({ uid: 1000, gid: 1000 });
  });

  it.each([
    ['maps users', none, { ...plain, mappedRoot }, /maps users.*userns-remap/],
    ['is rootless', none, { ...plain, isRootless: true }, /without root/],
    ['runs where the whole range is given away', () => true, plain, /give away all of 2000000-2000003/],
  ])('is the common one when the engine %s', (_, isReserved, engine, why) => {
    expect(users({}, isReserved).userOf(specFixture(), engine, new Set())).toEqual({ uid: 1000, gid: 1000 });
    expect(whyUsersAreShared(range, engine, () => hasFreeUser(range, isReserved))).toMatch(why);
    expect(whyUsersAreShared(range, plain, () => hasFreeUser(range, none))).toBeNull();
  });
});

it('goes through a range that is given away whole once, however many kernels come', () => {
  let asked = 0;
  const all: IsReserved = () => {
    asked += 1;
    return true;
  };
  const chooser = users({}, all);
  for (let count = 0; count < 3; count += 1) chooser.userOf(specFixture(), plain, new Set());
  expect(asked).toBe(4);
});

it('knows who is a user of this host', async () => {
  const isReserved = await readReservedIds();
  expect([0, 3_999_999_999].map(isReserved)).toEqual([true, false]);
});

it('tells the operator once why kernels share a user, and again when the reason is another', () => {
  const warned: unknown[] = [];
  const log = { ...silentLogger, warn: (text: string, about?: unknown) => void warned.push([text, about]) };
  const chooser = new KernelUsers(range, none, log);
  const userOf = (engine: typeof plain | { mappedRoot: typeof mappedRoot; isRootless: boolean }) =>
    chooser.userOf(specFixture(), engine, new Set());
  for (let count = 0; count < 2; count += 1) userOf({ ...plain, isRootless: true });
  userOf({ mappedRoot, isRootless: false });
  const text = 'kernels share one user of this host';
  expect(warned).toEqual([
    [text, { uid: 1000, why: expect.stringContaining('without root') }],
    [text, { uid: 1000, why: expect.stringContaining('userns-remap') }],
  ]);
});

it('says how many users there are when all are in use', () => {
  const taken = new Set([2_000_000, 2_000_001, 2_000_002, 2_000_003]);
  expect(() => users().userOf(specFixture(), plain, taken)).toThrow(
    expect.objectContaining({ code: 'INSUFFICIENT_RESOURCES', context: { resource: 'users', total: 4 } }),
  );
});

const fixture = usingFixtures();
const never = new AbortController().signal;
const keptHomes = { keepMs: 3_600_000, maxBytes: 2 ** 30 };
const open = (options: FixtureOptions = {}): Promise<KernelsFixture> =>
  fixture({ ...options, parts: { users: users({ last: 2_000_001 }), ...options.parts }, settings: { keptHomes } });
const uidOf = async (one: KernelsFixture, change = {}): Promise<number> =>
  (await one.kernels.registry.create(specFixture(change), never)).spec.user.uid;

/** Lets the program of a kernel end, whose home is kept then. */
async function end(one: KernelsFixture, id: KernelId): Promise<void> {
  const abort = new AbortController();
  const watch = one.kernels.registry.watch(abort.signal);
  one.containerOf(id).exit(3);
  await expect.poll(() => one.kernels.registry.list().some(({ spec }) => spec.id === id)).toBe(false);
  abort.abort();
  await watch;
}

describe('a kernel with a user of its own', () => {
  it('has it in its record before anything is made, and gives it back at its end', async () => {
    const recorded: number[] = [];
    const one: KernelsFixture = await open({
      parts: {
        adaptPlan: (plan) => [
          {
            name: 'look',
            scope: 'kernel',
            deadlineMs: 1000,
            apply: async ({ spec }) => {
              const text = await readFile(join(one.folder, 'kernels', spec.id, 'record.json'), 'utf8');
              recorded.push(decodeRecord(text).spec.user.uid);
              return {};
            },
            revert: async () => {},
          },
          ...plan,
        ],
      },
    });
    const { registry } = one.kernels;
    const [first, second] = await Promise.all([
      registry.create(specFixture(), never),
      registry.create(specFixture(), never),
    ]);
    expect([first, second].map(({ spec }) => spec.user.uid).sort()).toEqual([2_000_000, 2_000_001]);
    expect(recorded.sort()).toEqual([2_000_000, 2_000_001]);
    await expect(registry.create(specFixture(), never)).rejects.toMatchObject({ code: 'INSUFFICIENT_RESOURCES' });
    await registry.destroy(first.spec.id, { reason: 'user-requested', force: true });
    expect(await uidOf(one)).toBe(first.spec.user.uid);
  });

  it('keeps it while its home is kept, and comes back with it', async () => {
    const one = await open();
    const { registry, scratch } = one.kernels;
    await registry.recover(never);
    const { spec } = await registry.create(specFixture(), never);
    await end(one, spec.id);
    const other = await uidOf(one);
    expect(other).not.toBe(spec.user.uid);
    await expect(registry.create(specFixture(), never)).rejects.toMatchObject({ code: 'INSUFFICIENT_RESOURCES' });
    const [kept] = await registry.kept();
    if (!kept) throw new Error('nothing is kept');
    expect((await registry.restore(kept, never)).spec.user).toEqual(spec.user);
    await registry.destroy(spec.id, { reason: 'user-requested', force: true });
    await scratch.settled();
    expect(await uidOf(one)).toBe(spec.user.uid);
  });

  it('is known again by its record, and by its folder when that is lost', async () => {
    const first = await open();
    const { spec } = await first.kernels.registry.create(specFixture(), never);
    await first[Symbol.asyncDispose]();
    await writeFile(join(first.folder, 'kernels', spec.id, 'record.json'), '{');
    const { folder, dummy: engine } = first;
    const second = await open({ folder, engine });
    await second.kernels.scratch.prepare();
    await second.kernels.registry.recover(never);
    const other = await uidOf(second);
    expect(other).not.toBe(spec.user.uid);
    await expect(uidOf(second)).rejects.toMatchObject({ code: 'INSUFFICIENT_RESOURCES' });
  });

  it('has the common one with an engine that maps users', async () => {
    const dummy: DummyEngineOptions = { info: { mappedRoot } };
    expect(await uidOf(await open({ dummy }))).toBe(1000);
  });
});
