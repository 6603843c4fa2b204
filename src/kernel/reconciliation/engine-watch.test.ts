import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { type KernelsFixture, usingFixtures } from '../../../test/support/kernels-fixture.ts';
import { systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { KernelId } from '../../lib/ids.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

describe('what happens outside', () => {
  async function watched(): Promise<{
    one: KernelsFixture;
    id: KernelId;
    ended: Promise<unknown>;
    stop: () => Promise<void>;
  }> {
    const one = await fixture();
    const abort = new AbortController();
    const watch = one.kernels.registry.watch(abort.signal);
    const spec = specFixture();
    await one.kernels.registry.create(spec, never);
    const ended = new Promise((resolve) => one.kernels.registry.register({ ended: resolve }));
    const stop = async (): Promise<void> => {
      abort.abort();
      await watch;
    };
    return { one, id: spec.id, ended, stop };
  }

  it.each([
    [137, true, 'out-of-memory', 'memory limit'],
    [137, false, 'self-terminated', 'signal 9'],
    [0, true, 'self-terminated', 'status 0'],
  ])('turns an end with status %i (memory: %s) into one event: %s', async (code, outOfMemory, reason, words) => {
    const { one, id, ended, stop } = await watched();
    one.containerOf(id).exit(code, { outOfMemory });
    await ended;
    await stop();
    const terminal = one.events.filter((event) => event.type === 'kernel-terminated');
    expect(terminal).toMatchObject([{ reason, exitCode: code }]);
    expect(one.kernels.registry.get(id).termination?.detail).toContain(words);
    expect(() => one.kernels.registry.client(id)).toThrow(expect.objectContaining({ code: 'KERNEL_DIED' }));
    expect(await one.leftovers()).toEqual([]);
  });

  it('notices a removed container after a lost connection, by listing', async () => {
    const { one, id, ended, stop } = await watched();
    one.dummy.disconnectEvents();
    await one.dummy.removeContainer(one.containerOf(id).id, never);
    await ended;
    await stop();
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'container-not-found' });
    expect(await one.leftovers()).toEqual([]);
  });
});

describe('a container that somebody has renamed', () => {
  it('is its kernel’s as before, for this daemon and for the next', async () => {
    const first = await fixture();
    await first.kernels.registry.recover(never);
    const { spec, containerId } = await first.kernels.registry.create(specFixture(), never);
    first.dummy.renameContainer(first.containerOf(spec.id).id, 'mine');
    for (let pass = 0; pass < 3; pass += 1) await first.kernels.registry.sweep(never);
    await first.kernels.registry.auditDevices(never);
    expect(first.kernels.registry.get(spec.id)).toMatchObject({ phase: 'running', missingSince: null });
    await first[Symbol.asyncDispose]();

    const second = await fixture({ folder: first.folder, engine: first.dummy });
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 1, ended: 0, quarantined: 0 });
    expect(second.kernels.registry.get(spec.id)).toMatchObject({ phase: 'running', containerId, missingSince: null });
    expect([...second.events, ...Object.keys(second.invariantViolations.snapshot())]).toEqual([]);
    await second.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    expect(second.dummy.containers).toEqual([]);
  });

  it('has its end noticed at once, with the reason', async () => {
    const one = await fixture();
    const abort = new AbortController();
    const watch = one.kernels.registry.watch(abort.signal);
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const container = one.containerOf(spec.id);
    one.dummy.renameContainer(container.id, 'mine');
    container.exit(3);
    await expect.poll(() => one.kernels.registry.get(spec.id).termination?.exitCode).toBe(3);
    abort.abort();
    await watch;
  });
});

describe('an engine that is asked to end', () => {
  it('has ended the containers of which it tells when it takes no calls any more, however long that is before its own end', async () => {
    let aheadMs = 0;
    const one = await fixture({ parts: { clock: { ...systemClock, now: () => Date.now() + aheadMs } } });
    const { registry } = one.kernels;
    const abort = new AbortController();
    const watch = registry.watch(abort.signal);
    const { spec } = await registry.create(specFixture(), never);
    await registry.sweep(never);
    const error = new KerneletError('ENGINE_UNAVAILABLE', 'nobody listens');
    {
      using _fault = one.dummy.fail('ping', { kind: 'error', error }, { times: 100 });
      const asked = () => one.dummy.calls.filter(({ method }) => method === 'ping').length;
      const before = asked();
      one.containerOf(spec.id).exit(0);
      await expect.poll(asked).toBeGreaterThan(before);
      // Another container takes all of its time.
      aheadMs = 10_000;
      one.dummy.restart(137);
    }
    one.dummy.disconnectEvents();
    await expect.poll(() => registry.get(spec.id).termination?.reason).toBe('engine-restart');
    abort.abort();
    await watch;
  });
});

describe('an engine that answers no listing any more', () => {
  it('counts as unhealthy within seconds when it hangs, not for one late answer, and as healthy when it answers', async () => {
    const clock = new FakeClock();
    const { kernels, dummy } = await fixture({ parts: { clock } });
    const ping = async (ms: number): Promise<boolean> => {
      const asked = kernels.registry.pingEngine(never);
      await clock.advance(ms);
      await asked;
      return kernels.registry.engineHealthy();
    };
    expect(await ping(0)).toBe(true);
    dummy.fail('ping', { kind: 'hang' }, { times: 3 });
    expect(await ping(2_000)).toBe(true);
    expect(await ping(2_000)).toBe(false);
    expect(await ping(2_000)).toBe(false);
    expect(await ping(0)).toBe(true);
  });

  it('is as healthy as before when it is a stop that has cut the question off', async () => {
    const { kernels, dummy } = await fixture();
    const { registry } = kernels;
    using _hanging = dummy.fail('ping', { kind: 'hang' }, { times: 10 });
    for (let ping = 0; ping < 3; ping += 1) await registry.pingEngine(AbortSignal.abort());
    await expect(registry.sweep(AbortSignal.abort())).rejects.toThrow();
    expect(registry.engineHealthy()).toBe(true);
  });

  it('counts as unhealthy until it does', async () => {
    const { kernels, dummy } = await fixture();
    expect(kernels.registry.engineHealthy()).toBe(true);
    dummy.fail('listContainers', { kind: 'error' });
    await expect(kernels.registry.sweep(never)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(kernels.registry.engineHealthy()).toBe(false);
    await kernels.registry.sweep(never);
    expect(kernels.registry.engineHealthy()).toBe(true);
  });
});
