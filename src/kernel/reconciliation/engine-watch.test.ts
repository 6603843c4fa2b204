import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { type KernelsFixture, usingFixtures } from '../../../test/support/kernels-fixture.ts';
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

describe('an engine that answers no listing any more', () => {
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
