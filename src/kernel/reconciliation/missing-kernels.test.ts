/** Kernels whose containers the engine does not list, and engines that are not the one that has the kernels. */
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import {
  type FakeRunnerClient,
  type FixtureOptions,
  type KernelsFixture,
  testImage,
  usingFixtures,
} from '../../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../../engine/dummy/dummy-engine.ts';
import { systemClock } from '../../lib/clock.ts';
import type { KernelId } from '../../lib/ids.ts';
import { decodeRecord, type KernelRecord } from '../record.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const kept = { keepMs: 3_600_000, maxBytes: 2 ** 20 };

const settings = (change: FixtureOptions['settings'] = {}): FixtureOptions => ({
  settings: { keptHomes: kept, ...change },
});

/** A kernel with a file of its own, in an agent that has stopped. */
async function stopped(options: FixtureOptions = {}): Promise<{ first: KernelsFixture; id: KernelId; file: string }> {
  const first = await fixture(options);
  await first.kernels.registry.recover(never);
  const { id } = specFixture();
  await first.kernels.registry.create(specFixture({ id }), never);
  const file = join(first.kernels.scratch.paths(id).work, 'precious');
  await writeFile(file, 'x');
  await first[Symbol.asyncDispose]();
  return { first, id, file };
}

async function keptOf(one: KernelsFixture): Promise<readonly { kernel: KernelId; path: string }[]> {
  await one.kernels.scratch.settled();
  const { kept: homes } = one.kernels.scratch;
  return (await homes.list()).map((home) => ({ kernel: home.kernel, path: homes.pathOf(home) }));
}

const recordOf = async ({ state }: KernelsFixture, id: KernelId): Promise<KernelRecord> =>
  decodeRecord(await readFile(join(state.kernels, id, 'record.json'), 'utf8'));

/** With a grace of 0 nobody asks the runner: the engine in memory keeps no container over its own end. */
const graceOf1Ms = { missingGraceMs: 1 };

async function sweepAfterGrace({ kernels }: KernelsFixture): Promise<void> {
  await setTimeout(3);
  await kernels.registry.sweep(never);
}

const anotherEngine = (info = {}): DummyEngine => new DummyEngine({ images: [testImage], info });

describe('another engine', () => {
  // @promise other-engine
  it.each([
    ['another', { dataRoot: '/elsewhere' }, /is not the one that has the kernels/],
    ['the same without its data', {}, /has lost its data/],
  ])('at a start (%s) has nothing touched, and the right one takes over where it was', async (_, info, words) => {
    const { first, id, file } = await stopped();
    const other = anotherEngine(info);
    const second = await fixture({ ...settings(), folder: first.folder, engine: other });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(second.kernels.registry.recover(never)).rejects.toMatchObject({
        code: 'ENGINE_CHANGED',
        message: expect.stringMatching(words),
      });
    }
    expect(second.kernels.registry.engineHealthy()).toBe(false);
    await expect(second.kernels.registry.create(specFixture(), never)).rejects.toMatchObject({
      code: 'ENGINE_CHANGED',
    });
    await second[Symbol.asyncDispose]();
    expect(await readFile(file, 'utf8')).toBe('x');
    expect(second.events).toEqual([]);
    const touched = other.calls.map(({ method }) => method).filter((method) => !/^(info|readMark|list)/.test(method));
    expect(touched).toEqual([]);
    expect(first.containerOf(id).running).toBe(true);

    const third = await fixture({ folder: first.folder, engine: first.dummy });
    expect(await third.kernels.registry.recover(never)).toMatchObject({ adopted: 1, ended: 0 });
    expect(third.kernels.registry.get(id)).toMatchObject({ phase: 'running', missingSince: null });
  });

  it('is not what an idle node makes of it whose mark was pruned: a creation of a later minute marks it anew', async () => {
    let laterMs = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + laterMs };
    const one = await fixture({ ...settings(), parts: { clock } });
    const { registry } = one.kernels;
    const name = `kernelet-${one.state.tag}`;
    await registry.recover(never);
    await one.dummy.removeMark(name, never);
    laterMs = 60_000;
    one.dummy.fail('createContainer', { kind: 'error' });
    await expect(registry.create(specFixture(), never)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(registry.list()).toEqual([]);
    expect(await one.dummy.readMark(name, never)).not.toBeNull();

    await one.dummy.removeMark(name, never);
    await registry.sweep(never);
    expect(await one.dummy.readMark(name, never)).not.toBeNull();
  });

  it('is not asked for its mark by a creation shortly after it was compared', async () => {
    const one = await fixture(settings());
    await one.kernels.registry.recover(never);
    const before = one.dummy.calls.length;
    await one.kernels.registry.create(specFixture(), never);
    expect(one.dummy.calls.slice(before).filter(({ method }) => method === 'readMark' || method === 'info')).toEqual(
      [],
    );
  });

  it('is not what a sweep makes of it during the first creation, when the mark was pruned after its beginning', async () => {
    const one = await fixture(settings());
    const { registry } = one.kernels;
    await registry.recover(never);
    const { createContainer } = one.dummy;
    Object.assign(one.dummy, {
      createContainer: async (...given: Parameters<typeof createContainer>) => {
        await one.dummy.removeMark(`kernelet-${one.state.tag}`, never);
        await registry.sweep(never);
        return await createContainer.apply(one.dummy, given);
      },
    });
    await registry.create(specFixture(), never);
    expect(registry.engineProblem()).toBeNull();
  });

  it('is forgotten once no kernel is left that was with it', async () => {
    const one = await fixture(settings());
    const { registry } = one.kernels;
    await registry.recover(never);
    const { id } = specFixture();
    await registry.create(specFixture({ id }), never);
    const { listContainers, readMark } = one.dummy;
    Object.assign(one.dummy, { listContainers: async () => [], readMark: async () => null });
    // The mark that was seen is taken to be there for a while, but not without the containers.
    await expect(registry.sweep(never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    const running = one.containerOf(id);
    const abort = new AbortController();
    const watch = registry.watch(abort.signal);
    await setTimeout(50);
    running.exit(0);
    await expect.poll(() => registry.list()).toHaveLength(0);
    abort.abort();
    await watch;
    await one.kernels.scratch.settled();
    await registry.sweep(never);
    expect(registry.engineProblem()).toBeNull();
    Object.assign(one.dummy, { listContainers, readMark });
  });

  it('that denies volumes is known by what it says of itself, at the first start and later ones', async () => {
    const deny = (dummy: DummyEngine): void => {
      for (const method of ['readMark', 'leaveMark', 'removeMark'] as const)
        dummy.fail(method, { kind: 'error' }, { times: 99 });
    };
    const first = await fixture(settings());
    deny(first.dummy);
    await first.kernels.registry.recover(never);
    const { id } = await first.kernels.registry.create(specFixture(), never).then(({ spec }) => spec);
    await first[Symbol.asyncDispose]();
    const other = anotherEngine({ dataRoot: '/elsewhere' });
    deny(other);
    const second = await fixture({ folder: first.folder, engine: other });
    await expect(second.kernels.registry.recover(never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    await second[Symbol.asyncDispose]();
    const third = await fixture({ folder: first.folder, engine: first.dummy });
    expect(await third.kernels.registry.recover(never)).toMatchObject({ adopted: 1 });
    await third.kernels.registry.destroy(id, { reason: 'user-requested', force: true });
  });

  it('that was never noted, as after an update, is not taken for the right one without any of the containers', async () => {
    const { first, id } = await stopped();
    await rm(join(first.folder, 'engine.json'));
    const other = anotherEngine();
    const second = await fixture({ ...settings(), folder: first.folder, engine: other });
    const { registry } = second.kernels;
    const refused = { code: 'ENGINE_CHANGED', message: expect.stringContaining('kernelet engine accept') };
    await expect(registry.recover(never)).rejects.toMatchObject(refused);
    await expect(registry.create(specFixture(), never)).rejects.toMatchObject(refused);
    await second[Symbol.asyncDispose]();
    expect(other.calls.map(({ method }) => method)).not.toContain('leaveMark');

    const third = await fixture({ folder: first.folder, engine: first.dummy });
    expect(await third.kernels.registry.recover(never)).toMatchObject({ adopted: 1, ended: 0 });
    await third[Symbol.asyncDispose]();
    await rm(join(first.folder, 'engine.json'));
    const fourth = await fixture({ ...settings(), folder: first.folder, engine: anotherEngine() });
    await expect(fourth.kernels.registry.recover(never)).rejects.toMatchObject(refused);
    await fourth.kernels.registry.acceptEngine(never);
    expect(await fourth.kernels.registry.recover(never)).toMatchObject({ adopted: 1 });
    expect(fourth.kernels.registry.get(id).missingSince).not.toBeNull();
  });

  it('is accepted by somebody’s word: then its kernels are missing, end after the grace, and leave their files', async () => {
    const { first, id } = await stopped();
    const second = await fixture({ ...settings(graceOf1Ms), folder: first.folder, engine: anotherEngine() });
    const { registry } = second.kernels;
    await expect(registry.recover(never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    await registry.acceptEngine(never);
    expect(registry.engineProblem()).toBeNull();
    expect(await registry.recover(never)).toMatchObject({ adopted: 1, ended: 0 });
    expect(registry.get(id).missingSince).not.toBeNull();
    // The container runs on where it was, and is given up.
    const [client] = second.clients;
    if (client) client.answers = true;
    await registry.sweep(never);
    await sweepAfterGrace(second);
    await expect.poll(() => registry.list()).toHaveLength(0);
    expect(client?.requests).toEqual(['shutdown']);
    const [home] = await keptOf(second);
    expect(home?.kernel).toBe(id);
    expect(await readFile(join(home?.path ?? '', 'work', 'precious'), 'utf8')).toBe('x');
  });

  it('is taken as it is where no kernel is recorded', async () => {
    const first = await fixture();
    await first.kernels.registry.recover(never);
    await first[Symbol.asyncDispose]();
    const second = await fixture({ folder: first.folder, engine: anotherEngine() });
    await second.kernels.registry.recover(never);
    await second.kernels.registry.create(specFixture(), never);
    expect(second.kernels.registry.engineHealthy()).toBe(true);
  });

  it('is not what somebody has made of it who removes its mark, while a container is there to prove it', async () => {
    const { first, id } = await stopped();
    const name = `kernelet-${first.state.tag}`;
    await first.dummy.removeMark(name, never);
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    expect(await second.kernels.registry.recover(never)).toMatchObject({ adopted: 1 });
    expect(await second.dummy.readMark(name, never)).not.toBeNull();
    await second.kernels.registry.destroy(id, { reason: 'user-requested', force: true });
    await second[Symbol.asyncDispose]();
    expect(await second.dummy.readMark(name, never)).toBeNull();
    expect(await readdir(first.folder)).not.toContain('engine.json');
  });

  it('does not pass for the right one by its files: a damaged note of the engine stops the start', async () => {
    const { first } = await stopped();
    await writeFile(join(first.folder, 'engine.json'), '{"version":1,');
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    await expect(second.kernels.registry.recover(never)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  });

  it('in place of the first under a living daemon ends nothing and gets nothing, also of what is being removed', async () => {
    const made = await fixture(settings());
    const { registry } = made.kernels;
    await registry.recover(never);
    const [running, ending] = [specFixture(), specFixture()];
    for (const spec of [running, ending]) await registry.create(spec, never);
    made.dummy.fail('removeContainer', { kind: 'error' }, { times: 99 });
    void registry.destroy(ending.id, { reason: 'user-requested', force: true }).catch(() => {});
    await expect.poll(() => made.dummy.calls.at(-1)?.method).toBe('removeContainer');
    // What answers at its address has none of its data.
    const hidden = ['listContainers', 'inspectContainer', 'readMark'] as const;
    const real = hidden.map((method) => [method, made.dummy[method]] as const);
    Object.assign(made.dummy, {
      listContainers: async () => [],
      inspectContainer: async () => null,
      readMark: async () => null,
    });
    for (let pass = 0; pass < 3; pass += 1) {
      await expect(registry.sweep(never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    }
    expect(registry.engineHealthy()).toBe(false);
    expect(registry.get(running.id)).toMatchObject({ phase: 'running', missingSince: expect.any(Number) });
    for (const act of [
      registry.create(specFixture(), never),
      registry.destroy(running.id, { reason: 'user-requested', force: true }),
      registry.restart(running.id, never),
    ]) {
      await expect(act).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    }
    await setTimeout(700);
    const folders = async () => (await made.kernels.scratch.list()).map(({ kernel }) => kernel).sort();
    expect(await folders()).toEqual([running.id, ending.id].sort());
    Object.assign(made.dummy, Object.fromEntries(real));
    await registry.sweep(never);
    expect(registry.engineHealthy()).toBe(true);
    await expect.poll(() => registry.get(running.id)).toMatchObject({ phase: 'running', missingSince: null });
  });
});

describe('a container that is not listed', () => {
  async function missing(
    options: FixtureOptions = {},
  ): Promise<{ one: KernelsFixture; id: KernelId; back: () => void }> {
    const one = await fixture({ ...settings(options.settings), ...(options.dummy ? { dummy: options.dummy } : {}) });
    const { registry } = one.kernels;
    await registry.recover(never);
    const spec = specFixture();
    await registry.create(spec, never);
    const { listContainers, inspectContainer } = one.dummy;
    Object.assign(one.dummy, { listContainers: async () => [], inspectContainer: async () => null });
    return { one, id: spec.id, back: () => void Object.assign(one.dummy, { listContainers, inspectContainer }) };
  }

  it('makes its kernel missing, for whom requests are refused, until it is listed again', async () => {
    const { one, id, back } = await missing({ settings: { missingGraceMs: 60_000 } });
    const { registry } = one.kernels;
    for (let pass = 0; pass < 3; pass += 1) await registry.sweep(never);
    expect(registry.get(id)).toMatchObject({ phase: 'running', missingSince: expect.any(Number) });
    expect(() => registry.client(id)).toThrow(expect.objectContaining({ code: 'KERNEL_MISSING' }));
    await expect.poll(async () => (await recordOf(one, id)).missingSince).toBe(registry.get(id).missingSince);
    back();
    await registry.sweep(never);
    await expect.poll(() => registry.get(id)).toMatchObject({ phase: 'running', missingSince: null });
    expect(registry.client(id)).toBe(one.clients[0]);
    expect(one.types()).not.toContain('kernel-terminated');
  });

  // @promise missing-first
  it('ends its kernel at the second sight after the grace, and never at the first', async () => {
    const { one, id } = await missing();
    const { registry } = one.kernels;
    await registry.sweep(never);
    expect(registry.get(id).phase).toBe('running');
    await registry.sweep(never);
    await expect.poll(() => registry.list()).toHaveLength(0);
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'container-not-found' });
    expect(registry.get(id).termination?.detail).toMatch(/^the engine, .* has not listed it for/);
    expect((await keptOf(one)).map(({ kernel }) => kernel)).toEqual([id]);
  });

  it('leaves a kernel alone whose runner answers, which is used on, and ends it once the runner does not', async () => {
    const { one, id } = await missing({ settings: graceOf1Ms });
    const { registry } = one.kernels;
    const client = one.clients[0] as FakeRunnerClient;
    client.answers = true;
    await registry.sweep(never);
    // Its actor must be free: behind a write that is under way an end would wait, unseen.
    await expect.poll(async () => (await recordOf(one, id)).missingSince).not.toBeNull();
    for (let pass = 0; pass < 3; pass += 1) await sweepAfterGrace(one);
    expect(registry.get(id)).toMatchObject({ phase: 'running', missingSince: expect.any(Number) });
    expect(registry.client(id)).toBe(client);
    client.answers = false;
    await sweepAfterGrace(one);
    await expect.poll(() => registry.list()).toHaveLength(0);
  });
});

describe('homes', () => {
  const act = {
    'ends by itself': async (one: KernelsFixture, id: KernelId) => one.containerOf(id).exit(3),
    'is killed for memory': async (one: KernelsFixture, id: KernelId) =>
      one.containerOf(id).exit(137, { outOfMemory: true }),
    'is removed by others': async (one: KernelsFixture, id: KernelId) =>
      await one.dummy.removeContainer(one.containerOf(id).id, never),
    'is removed on request': async (one: KernelsFixture, id: KernelId) =>
      void (await one.kernels.registry.destroy(id, { reason: 'user-requested', force: false })),
    'was idle': async (one: KernelsFixture, id: KernelId) =>
      void (await one.kernels.registry.destroy(id, { reason: 'idle-timeout', force: false })),
    "is destroyed for a reason of the caller's own": async (one: KernelsFixture, id: KernelId) =>
      void (await one.kernels.registry.destroy(id, { reason: 'task-done', force: true })),
  };

  // @promise homes-kept
  it.each([
    ['ends by itself', true],
    ['is killed for memory', true],
    ['is removed by others', true],
    ['is removed on request', false],
    ['was idle', false],
    ["is destroyed for a reason of the caller's own", false],
  ] as const)('of a kernel that %s are kept: %s', async (how, isKept) => {
    const one = await fixture(settings());
    const { registry } = one.kernels;
    await registry.recover(never);
    const abort = new AbortController();
    const watch = registry.watch(abort.signal);
    const { id } = await registry.create(specFixture(), never).then(({ spec }) => spec);
    await writeFile(join(one.kernels.scratch.paths(id).work, 'precious'), 'x');
    await act[how](one, id);
    await expect.poll(() => registry.list()).toHaveLength(0);
    abort.abort();
    await watch;
    const homes = await keptOf(one);
    expect(homes.map(({ kernel }) => kernel)).toEqual(isKept ? [id] : []);
    if (!isKept) return;
    // A cluster cleans up after an end that has been published.
    await registry.destroy(id, { reason: 'user-requested', force: true });
    expect(await readFile(join((await keptOf(one))[0]?.path ?? '', 'work', 'precious'), 'utf8')).toBe('x');
  });

  it('that belong to no record are kept too when they are swept', async () => {
    const one = await fixture(settings());
    await one.kernels.registry.recover(never);
    const { id } = specFixture();
    const { root, work } = one.kernels.scratch.paths(id);
    await mkdir(work, { recursive: true });
    await utimes(root, 5, 5);
    await one.kernels.registry.sweep(never);
    expect((await keptOf(one)).map(({ kernel }) => kernel)).toEqual([id]);
  });
});
