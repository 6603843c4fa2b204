import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { specFixture } from '../../test/support/kernel-record.ts';
import { type KernelsFixture, usingFixtures } from '../../test/support/kernels-fixture.ts';
import type { DummyFault } from '../engine/dummy/dummy-faults.ts';
import { KerneletError } from '../lib/errors.ts';
import { pauseOf } from './record.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

async function paused() {
  const one = await fixture();
  const { spec, containerId } = await one.kernels.registry.create(specFixture(), never);
  await one.kernels.registry.pause(spec.id, 'request');
  return { one, id: spec.id, containerId: containerId ?? '', registry: one.kernels.registry };
}
const stateOf = (one: KernelsFixture): string | undefined => one.dummy.containers[0]?.state;

describe('a kernel that is paused', () => {
  it('stands still, expects nothing of its runner, and goes on when it is resumed', async () => {
    const { one, id, registry } = await paused();
    expect(stateOf(one)).toBe('paused');
    expect(one.clients[0]?.isSuspended).toBe(true);
    expect(registry.get(id)).toMatchObject({ phase: 'running', paused: { by: 'request', confirmed: true } });
    await Promise.all([registry.resume(id, never), registry.resume(id, never)]);
    expect(stateOf(one)).toBe('running');
    expect(one.clients[0]?.isSuspended).toBe(false);
    expect(one.dummy.calls.filter(({ method }) => method === 'resumeContainer')).toHaveLength(1);
    expect(one.types().slice(-2)).toEqual(['kernel-paused', 'kernel-resumed']);
  });

  it.each([true, false])('ends, force: %s, and leaves nothing', async (force) => {
    const { one, id, registry } = await paused();
    // With version 1 of cgroups no signal reaches processes that stand still.
    const states: (string | undefined)[] = [];
    const { removeContainer } = one.dummy;
    Object.assign(one.dummy, {
      removeContainer: (...args: Parameters<typeof removeContainer>) => {
        states.push(stateOf(one));
        return removeContainer.apply(one.dummy, args);
      },
    });
    await registry.destroy(id, { reason: 'user-requested', force });
    expect(states).toEqual(['running']);
    // What may end by itself has to run for that.
    expect(one.clients[0]?.requests).toEqual(force ? [] : ['shutdown']);
    expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
    expect(await one.leftovers()).toEqual([]);
  });

  it('is not paused any more after a restart', async () => {
    const { one, id, registry } = await paused();
    expect(await registry.restart(id, never)).toMatchObject({ phase: 'running', generation: 2, paused: null });
    expect(one.clients.map(({ isSuspended }) => isSuspended)).toEqual([false, false]);
  });

  it('is found paused by the next daemon, and resumed by it', async () => {
    const { one, id } = await paused();
    await one[Symbol.asyncDispose]();
    const next = await fixture({ folder: one.folder, engine: one.dummy });
    await next.kernels.registry.recover(never);
    expect(next.kernels.registry.get(id).paused).toMatchObject({ by: 'request', confirmed: true });
    expect(next.clients[0]?.isSuspended).toBe(true);
    await next.kernels.registry.resume(id, never);
    expect(stateOf(next)).toBe('running');
  });
});

describe('a pause that fails', () => {
  const faults: readonly (readonly [string, DummyFault, string])[] = [
    ['refused', { kind: 'error' }, 'running'],
    ['done, and its answer lost', { kind: 'error-after-success' }, 'paused'],
  ];

  it.each(faults)('is told, and what is so is seen by the next listing: %s', async (_, fault, state) => {
    const one = await fixture();
    const { registry } = one.kernels;
    const { spec } = await registry.create(specFixture(), never);
    one.dummy.fail('pauseContainer', fault);
    await expect(registry.pause(spec.id, 'request')).rejects.toBeInstanceOf(KerneletError);
    expect(pauseOf(registry.get(spec.id))).toBeNull();
    await registry.sweep(never);
    expect(stateOf(one)).toBe(state);
    await expect.poll(() => registry.get(spec.id).paused?.confirmed ?? false).toBe(state === 'paused');
    await registry.resume(spec.id, never);
    expect(stateOf(one)).toBe('running');
  });

  it('holds up no removal while the engine hangs', async () => {
    const clock = new FakeClock();
    const one = await fixture({ dummy: { clock }, parts: { clock } });
    const { registry } = one.kernels;
    const { spec } = await registry.create(specFixture(), never);
    one.dummy.fail('pauseContainer', { kind: 'hang' });
    const asked = registry.pause(spec.id, 'request');
    asked.catch(() => {});
    await expect.poll(() => one.dummy.calls.some(({ method }) => method === 'pauseContainer')).toBe(true);
    await registry.destroy(spec.id, { reason: 'user-requested', force: true });
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await one.leftovers()).toEqual([]);
  });

  it('is not begun where it cannot be written down', async () => {
    const one = await fixture();
    const { registry } = one.kernels;
    const { spec } = await registry.create(specFixture(), never);
    const cause = new KerneletError('STATE_UNUSABLE', 'cannot write record.json: the disk is full (ENOSPC)');
    vi.spyOn(one.state.writes, 'after').mockRejectedValueOnce(cause);
    await expect(registry.pause(spec.id, 'request')).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    expect(one.dummy.calls.filter(({ method }) => method === 'pauseContainer')).toEqual([]);
    expect(pauseOf(registry.get(spec.id))).toBeNull();
  });
});

describe('a container that somebody else pauses', () => {
  it('is shown as that, and waits for them or for a resumption that is asked for', async () => {
    const one = await fixture();
    const { registry } = one.kernels;
    const { spec, containerId } = await registry.create(specFixture(), never);
    if (!containerId) throw new Error('there is no container');
    await one.dummy.pauseContainer(containerId, never);
    await registry.sweep(never);
    await expect.poll(() => registry.get(spec.id).paused).toMatchObject({ by: 'others', confirmed: true });
    expect(one.clients[0]?.isSuspended).toBe(false);
    await registry.resume(spec.id, never);
    expect(stateOf(one)).toBe('running');
    expect(one.events.slice(-2)).toMatchObject([{ type: 'kernel-paused', by: 'others' }, { type: 'kernel-resumed' }]);
  });

  it('is heard of at once', async () => {
    const one = await fixture();
    const { registry } = one.kernels;
    const { spec, containerId } = await registry.create(specFixture(), never);
    if (!containerId) throw new Error('there is no container');
    const end = new AbortController();
    const watching = registry.watch(end.signal);
    await expect.poll(() => one.dummy.eventReaders).toBe(1);
    await one.dummy.pauseContainer(containerId, never);
    await expect.poll(() => pauseOf(registry.get(spec.id))?.by).toBe('others');
    await one.dummy.resumeContainer(containerId, never);
    await expect.poll(() => registry.get(spec.id).paused).toBeNull();
    end.abort();
    await watching;
  });
});

it('a kernel of which kernelet has an image made is told to nobody as paused, though the engine has it stand still for that', async () => {
  const one = await fixture();
  const { registry } = one.kernels;
  const { spec, containerId } = await registry.create(specFixture(), never);
  if (!containerId) throw new Error('there is no container');
  const end = new AbortController();
  const watching = registry.watch(end.signal);
  await expect.poll(() => one.dummy.eventReaders).toBe(1);
  one.dummy.fail('commitContainer', { kind: 'hang' });
  const done = new AbortController();
  const making = one.dummy.commitContainer(containerId, { reference: null, labels: {}, command: [] }, done.signal);
  const inspections = () => one.dummy.calls.filter(({ method }) => method === 'inspectContainer').length;
  const before = inspections();
  await one.dummy.pauseContainer(containerId, never);
  await expect.poll(inspections).toBeGreaterThan(before);
  await registry.sweep(never);
  expect(registry.get(spec.id).paused).toBeNull();
  await one.dummy.resumeContainer(containerId, never);
  done.abort();
  await expect(making).rejects.toThrow();
  await registry.sweep(never);
  expect(one.types()).not.toContain('kernel-paused');
  // Whoever pauses it later is heard of.
  await one.dummy.pauseContainer(containerId, never);
  await expect.poll(() => pauseOf(registry.get(spec.id))?.by).toBe('others');
  end.abort();
  await watching;
});

it('no kernel is paused that has ended, and none that is not there', async () => {
  const { id, registry } = await paused();
  await registry.destroy(id, { reason: 'user-requested', force: true });
  await expect(registry.pause(id, 'request')).rejects.toMatchObject({ code: 'KERNEL_DIED' });
  await expect(registry.resume(id, never)).rejects.toMatchObject({ code: 'KERNEL_DIED' });
});
