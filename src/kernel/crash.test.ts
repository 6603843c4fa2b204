/** The daemon ends at every point of a kernel's life, and the next one puts things right. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../test/support/kernel-record.ts';
import { type FixtureOptions, KernelsFixture } from '../../test/support/kernels-fixture.ts';
import { stepNames } from '../../test/support/revert-matrix.ts';
import { silentLogger } from '../lib/log.ts';
import type { CreationPlan, CreationStep } from './creation/step.ts';
import { FileJournal } from './journal.ts';

const never = new AbortController().signal;
const forEver = 2 ** 31 - 1;

/** A point at which the process ends: it does nothing any more, and neither does it answer. */
interface CrashPoint {
  readonly step: string;
  readonly call: 'apply' | 'revert';
  readonly when: 'before' | 'after';
  /** The container that is being made or removed. */
  readonly generation: number;
}

function crashingPlan(point: CrashPoint, crashed: () => void) {
  const stop = (): Promise<never> => {
    crashed();
    return new Promise(() => {});
  };
  const change = (step: CreationStep): CreationStep => {
    if (step.name !== point.step) return step;
    const wrap =
      <T>(
        call: 'apply' | 'revert',
        run: CreationStep['apply'] | CreationStep['revert'],
      ): ((...args: Parameters<CreationStep['apply']>) => Promise<T>) =>
      async (record, deadline) => {
        const here = point.call === call && record.generation === point.generation;
        if (here && point.when === 'before') await stop();
        const result = await run(record, deadline);
        if (here) await stop();
        return result as T;
      };
    return { ...step, deadlineMs: forEver, apply: wrap('apply', step.apply), revert: wrap('revert', step.revert) };
  };
  return (plan: CreationPlan): CreationPlan =>
    plan.map((entry) => ('apply' in entry ? change(entry) : entry.map(change)));
}

/** Runs `life` until the process "ends" at the point; resolves with a second process over the same state and engine. */
async function crash(
  point: CrashPoint,
  life: (of: KernelsFixture) => Promise<unknown>,
  settings: FixtureOptions['settings'] = {},
): Promise<KernelsFixture> {
  const { promise: crashed, resolve } = Promise.withResolvers<void>();
  const first = await KernelsFixture.open({ settings, parts: { adaptPlan: crashingPlan(point, resolve) } });
  const lived = life(first).then(() => Promise.reject(new Error('it did not crash')));
  await Promise.race([crashed, lived]);
  await first.kernels.scratch.settled();
  await first.state[Symbol.asyncDispose]();
  return await KernelsFixture.open({ folder: first.folder, engine: first.dummy, settings });
}

async function close(one: KernelsFixture): Promise<void> {
  await one[Symbol.asyncDispose]();
  await one.remove();
}

const moments = ['before', 'after'] as const;
const ofContainer = ['config-files', 'container', 'start', 'ready'];

// @promise daemon-killed
describe('a daemon that ends', () => {
  // @promise record-first, creation-cut-off
  it.each(stepNames.flatMap((step) => moments.map((when) => [when, step] as const)))(
    'during a creation, %s %s: everything is undone, with one terminal event',
    async (when, step) => {
      const spec = specFixture({ publish: [80], network: 'bridge' });
      const next = await crash({ step, when, call: 'apply', generation: 1 }, (one) =>
        one.kernels.registry.create(spec, never),
      );
      try {
        expect(await next.kernels.registry.recover(never)).toEqual({ adopted: 0, ended: 1, quarantined: 0 });
        expect(await next.leftovers()).toEqual([]);
        expect(next.events).toMatchObject([
          { type: 'kernel-terminated', reason: 'failed-to-create', kernelId: spec.id },
        ]);
      } finally {
        await close(next);
      }
    },
  );

  it.each(stepNames.flatMap((step) => moments.map((when) => [when, step] as const)))(
    'during a destruction, %s undoing %s: it is finished with its reason',
    async (when, step) => {
      const spec = specFixture({ publish: [80], network: 'bridge' });
      const next = await crash({ step, when, call: 'revert', generation: 1 }, async (one) => {
        await one.kernels.registry.create(spec, never);
        await one.kernels.registry.destroy(spec.id, { reason: 'idle-timeout', force: true });
      });
      try {
        await next.kernels.registry.recover(never);
        expect(await next.leftovers()).toEqual([]);
        expect(next.events).toMatchObject([{ type: 'kernel-terminated', reason: 'idle-timeout', kernelId: spec.id }]);
      } finally {
        await close(next);
      }
    },
  );

  // @promise one-end
  it('between the terminal event and the end of its record: the event is not published again', async () => {
    const spec = specFixture({ publish: [80] });
    const first = await KernelsFixture.open();
    await first.kernels.registry.create(spec, never);
    const record = await first.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    expect(first.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
    await new FileJournal(first.state, silentLogger).write({ ...record, phase: 'terminating' });
    await first[Symbol.asyncDispose]();
    const next = await KernelsFixture.open({ folder: first.folder, engine: first.dummy, published: [spec.id] });
    try {
      expect(await next.kernels.registry.recover(never)).toEqual({ adopted: 0, ended: 1, quarantined: 0 });
      expect(next.events).toEqual([]);
      expect(await next.leftovers()).toEqual([]);
    } finally {
      await close(next);
    }
  });

  it.each([
    ...ofContainer.flatMap((step) => moments.map((when) => ['apply', when, step] as const)),
    ...ofContainer.flatMap((step) => moments.map((when) => ['revert', when, step] as const)),
  ])('during a restart, in %s, %s %s: the kernel runs again with its files and ports', async (call, when, step) => {
    const spec = specFixture({ publish: [80] });
    let ports: unknown;
    const next = await crash({ step, when, call, generation: 2 }, async (one) => {
      ports = (await one.kernels.registry.create(spec, never)).placement.hostPorts;
      await writeFile(join(one.kernels.scratch.paths(spec.id).work, 'kept.txt'), '');
      await one.kernels.registry.restart(spec.id, never);
    });
    try {
      await next.kernels.registry.recover(never);
      const record = next.kernels.registry.get(spec.id);
      expect(record).toMatchObject({ phase: 'running', generation: 3, placement: { hostPorts: ports } });
      expect(next.dummy.containers.map(({ id }) => id)).toEqual([record.containerId]);
      expect(await readdir(next.kernels.scratch.paths(spec.id).work)).toEqual(['kept.txt']);
      expect([...next.leases.held.values()]).toEqual([spec.id]);
      await next.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
      expect(await next.leftovers()).toEqual([]);
    } finally {
      await close(next);
    }
  });

  it.each([
    ...ofContainer.flatMap((step) => moments.map((when) => ['apply', when, step] as const)),
    ...ofContainer.flatMap((step) => moments.map((when) => ['revert', when, step] as const)),
  ])(
    'while a kernel is started again after its engine ended, in %s, %s %s: it runs again, and says why',
    async (call, when, step) => {
      const spec = specFixture({ publish: [80] });
      const life = async ({ kernels: { registry, scratch }, dummy }: KernelsFixture): Promise<void> => {
        await registry.create(spec, never);
        await writeFile(join(scratch.paths(spec.id).work, 'kept.txt'), '');
        const now = Date.now();
        await expect.poll(() => Date.now()).toBeGreaterThan(now);
        dummy.restart(137);
        await registry.sweep(never);
        await new Promise(() => {});
      };
      const next = await crash({ step, when, call, generation: 2 }, life, { onEngineRestart: 'restart' });
      try {
        await next.kernels.registry.recover(never);
        const { restarts, ...record } = next.kernels.registry.get(spec.id);
        expect(record).toMatchObject({ phase: 'running', generation: 3, termination: null });
        expect(restarts).toMatchObject({ count: 1, reason: 'engine-restart' });
        expect(next.dummy.containers.map(({ id }) => id)).toEqual([record.containerId]);
        expect(await readdir(next.kernels.scratch.paths(spec.id).work)).toEqual(['kept.txt']);
        expect(next.types()).toEqual(['kernel-restarting', 'kernel-started']);
        await next.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
        expect(await next.leftovers()).toEqual([]);
      } finally {
        await close(next);
      }
    },
  );
});
