/** Engines that are not the one that has the kernels. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import {
  graceOf1Ms,
  type KernelsFixture,
  keepingHomes,
  testImage,
  usingFixtures,
} from '../../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../../engine/dummy/dummy-engine.ts';
import { systemClock } from '../../lib/clock.ts';
import type { KernelId } from '../../lib/ids.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

/** A kernel with a file of its own, in an agent that has stopped. */
async function stopped(): Promise<{ first: KernelsFixture; id: KernelId; file: string }> {
  const first = await fixture();
  await first.kernels.registry.recover(never);
  const { id } = specFixture();
  await first.kernels.registry.create(specFixture({ id }), never);
  const file = join(first.kernels.scratch.paths(id).work, 'precious');
  await writeFile(file, 'x');
  await first[Symbol.asyncDispose]();
  return { first, id, file };
}

const anotherEngine = (info = {}): DummyEngine => new DummyEngine({ images: [testImage], info });

describe('an engine that is to have no mark', () => {
  it('is known by its id and the place of its data, and nothing is asked of or left among these', async () => {
    const settings = { marksEngine: false } as const;
    const first = await fixture({ settings });
    await first.kernels.registry.recover(never);
    const { spec } = await first.kernels.registry.create(specFixture(), never);
    await first.kernels.registry.sweep(never);
    await first[Symbol.asyncDispose]();

    const other = await fixture({ settings, folder: first.folder, engine: anotherEngine({ dataRoot: '/elsewhere' }) });
    await expect(other.kernels.registry.recover(never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    await other[Symbol.asyncDispose]();

    const again = await fixture({ settings, folder: first.folder, engine: first.dummy });
    expect(await again.kernels.registry.recover(never)).toMatchObject({ adopted: 1 });
    await first.dummy.removeContainer(first.containerOf(spec.id).id, never);
    for (let pass = 0; pass < 2; pass += 1) await again.kernels.registry.sweep(never);
    await expect.poll(() => again.kernels.registry.list()).toEqual([]);
    expect(again.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'container-not-found' });
    expect(first.dummy.calls.filter(({ method }) => /Mark/.test(method))).toEqual([]);
  });
});

describe('another engine', () => {
  // @promise other-engine
  it.each([
    ['another', { dataRoot: '/elsewhere' }, /is not the one that has the kernels/],
    ['the same without its data', {}, /has lost its data/],
  ])('at a start (%s) has nothing touched, and the right one takes over where it was', async (_, info, words) => {
    const { first, id, file } = await stopped();
    const other = anotherEngine(info);
    const second = await fixture({ settings: keepingHomes, folder: first.folder, engine: other });
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
    const one = await fixture({ settings: keepingHomes, parts: { clock } });
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
    const one = await fixture({ settings: keepingHomes });
    await one.kernels.registry.recover(never);
    const before = one.dummy.calls.length;
    await one.kernels.registry.create(specFixture(), never);
    expect(one.dummy.calls.slice(before).filter(({ method }) => method === 'readMark' || method === 'info')).toEqual(
      [],
    );
  });

  it('is not what a sweep makes of it during the first creation, when the mark was pruned after its beginning', async () => {
    const one = await fixture({ settings: keepingHomes });
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
    const one = await fixture({ settings: keepingHomes });
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
    const first = await fixture({ settings: keepingHomes });
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
    const second = await fixture({ settings: keepingHomes, folder: first.folder, engine: other });
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
    const fourth = await fixture({ settings: keepingHomes, folder: first.folder, engine: anotherEngine() });
    await expect(fourth.kernels.registry.recover(never)).rejects.toMatchObject(refused);
    await fourth.kernels.registry.acceptEngine(never);
    expect(await fourth.kernels.registry.recover(never)).toMatchObject({ adopted: 1 });
    expect(fourth.kernels.registry.get(id).missingSince).not.toBeNull();
  });

  it('is accepted by somebody’s word: then its kernels are missing, end after the grace, and leave their files', async () => {
    const { first, id } = await stopped();
    const second = await fixture({
      settings: { ...keepingHomes, ...graceOf1Ms },
      folder: first.folder,
      engine: anotherEngine(),
    });
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
    await second.sweepAfterGrace();
    await expect.poll(() => registry.list()).toHaveLength(0);
    expect(client?.requests).toEqual(['shutdown']);
    await second.kernels.scratch.settled();
    const { home } = await registry.keptOf(id);
    expect(await readFile(join(second.kernels.scratch.kept.pathOf(home), 'work', 'precious'), 'utf8')).toBe('x');
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
    const made = await fixture({ settings: keepingHomes });
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
