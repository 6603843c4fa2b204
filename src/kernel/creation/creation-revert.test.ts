import { describe, expect, it } from 'vitest';
import { impatientClock } from '../../../test/support/impatient-clock.ts';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { KernelsFixture } from '../../../test/support/kernels-fixture.ts';
import { failureModes, namesOf, revertAll, sabotage, stepNames } from '../../../test/support/revert-matrix.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { CreationPlan } from './step.ts';

const never = new AbortController().signal;

// @promise creation-undone
describe('the matrix of reverts, on the in-memory engine', () => {
  it.concurrent.each(stepNames.flatMap((step) => failureModes.map((mode) => [step, mode] as const)))(
    'leaves nothing when %s fails (%s), and reverts again and for nothing',
    async (step, mode) => {
      let plan: CreationPlan = [];
      const adaptPlan = sabotage(step, mode, (seen) => {
        plan = seen;
      });
      const one = await KernelsFixture.open({ parts: { adaptPlan } });
      try {
        const spec = specFixture({ network: 'bridge', publish: [8080, 9090] });
        await expect(one.kernels.registry.create(spec, never)).rejects.toThrow(/planted failure|took longer/);
        expect(namesOf(plan)).toEqual(stepNames);
        expect(await one.leftovers()).toEqual([]);
        expect(one.types()).toEqual(['kernel-preparing', 'kernel-creating', 'kernel-terminated']);
        const last = one.kernels.registry.get(spec.id);
        expect(last.termination?.reason).toBe(step === 'ready' ? 'failed-to-start' : 'failed-to-create');
        expect(await revertAll(plan, last)).toEqual([]);
        expect(await revertAll(plan, { ...last, spec: specFixture(), containerId: null })).toEqual([]);
        expect(await one.leftovers()).toEqual([]);
      } finally {
        await one[Symbol.asyncDispose]();
        await one.remove();
      }
    },
  );

  it.concurrent.each(['inspectContainer', 'removeContainer'] as const)(
    'keeps leases and files while %s fails, and frees them when it works again',
    async (method) => {
      const one = await KernelsFixture.open({ parts: { clock: impatientClock } });
      try {
        const spec = specFixture({ publish: [80] });
        await one.kernels.registry.create(spec, never);
        const fault = one.dummy.fail(method, { kind: 'error' }, { times: 1_000 });
        const destroyed = one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
        await expect(destroyed).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
        expect(one.kernels.registry.get(spec.id).phase).toBe('terminating');
        expect(one.devices.holders()).toEqual([spec.id]);
        expect(await one.leftovers()).toContain(`scratch/${spec.id}`);
        fault[Symbol.dispose]();
        await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
        expect(await one.leftovers()).toEqual([]);
        expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
      } finally {
        await one[Symbol.asyncDispose]();
        await one.remove();
      }
    },
  );

  it('publishes the end of a dead kernel that the engine cannot remove, and keeps what it holds over a restart', async () => {
    const one = await KernelsFixture.open({ parts: { clock: impatientClock } });
    let published: readonly KernelId[] = [];
    const spec = specFixture({ publish: [80] });
    const { id } = spec;
    using fault = one.dummy.fail('removeContainer', { kind: 'error' }, { times: 1_000 });
    try {
      await one.kernels.registry.create(spec, never);
      const watching = new AbortController();
      const watch = one.kernels.registry.watch(watching.signal);
      one.containerOf(id).exit(3);
      await one.kernels.registry.sweep(never);
      await expect.poll(() => one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', exitCode: 3 });
      expect([one.kernels.registry.get(id).phase, one.devices.holders()]).toEqual(['terminating', [id]]);
      published = [id];
      watching.abort();
      await watch;
    } finally {
      await one[Symbol.asyncDispose]();
    }
    const two = await KernelsFixture.open({ folder: one.folder, engine: one.dummy, published });
    try {
      const recovered = two.kernels.registry.recover(never);
      await expect.poll(() => two.devices.holders()).toEqual([id]);
      fault[Symbol.dispose]();
      await recovered;
      await two.kernels.registry.destroy(id, { reason: 'user-requested', force: true }).catch(() => {});
      expect([await two.leftovers(), two.types()]).toEqual([[], []]);
    } finally {
      await two[Symbol.asyncDispose]();
      await two.remove();
    }
  });

  it.concurrent.each([
    ['createContainer', 'error-after-success'],
    ['startContainer', 'error-after-success'],
    ['removeContainer', 'error-after-success'],
    ['removeContainer', 'error'],
  ] as const)('leaves nothing when the reply to %s goes wrong (%s)', async (method, kind) => {
    const one = await KernelsFixture.open({ parts: { clock: impatientClock } });
    try {
      one.dummy.fail(method, { kind });
      const spec = specFixture({ publish: [80] });
      const creation = one.kernels.registry.create(spec, never);
      if (method === 'removeContainer') {
        await creation;
        await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
      } else await expect(creation).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
      expect(await one.leftovers()).toEqual([]);
    } finally {
      await one[Symbol.asyncDispose]();
      await one.remove();
    }
  });

  it.concurrent('removes a container whose runner cannot be let go of', async () => {
    const one = await KernelsFixture.open({ parts: { clock: impatientClock } });
    try {
      const spec = specFixture();
      await one.kernels.registry.create(spec, never);
      const [client] = one.clients;
      if (client) client[Symbol.asyncDispose] = () => new Promise(() => {});
      await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: false });
      expect(await one.leftovers()).toEqual([]);
    } finally {
      await one[Symbol.asyncDispose]();
      await one.remove();
    }
  });
});
