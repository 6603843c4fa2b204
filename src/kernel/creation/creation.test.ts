import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { recordFixture } from '../../../test/support/kernel-record.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { asContainerId } from '../../lib/ids.ts';
import { runCreation } from './creation.ts';
import type { CreationPlan, CreationStep } from './step.ts';

const step = (name: string, change: Partial<CreationStep> = {}): CreationStep => ({
  name,
  scope: 'kernel',
  deadlineMs: 1_000,
  apply: async () => ({}),
  revert: async () => {},
  ...change,
});

async function run(
  plan: CreationPlan,
  options: { scope?: 'kernel' | 'generation'; signal?: AbortSignal; clock?: Clock } = {},
) {
  const applied: string[] = [];
  const outcome = await runCreation(plan, recordFixture({ containerId: null }), {
    scope: options.scope ?? 'kernel',
    signal: options.signal ?? new AbortController().signal,
    clock: options.clock ?? systemClock,
    onApplied: (name) => applied.push(name),
  });
  return { outcome, applied };
}

describe('running a creation plan', () => {
  it('hands what a step learnt on to the next, and times each', async () => {
    const seen: (string | null)[] = [];
    const plan = [
      step('a', { apply: async () => ({ containerId: asContainerId('c9') }) }),
      step('b', {
        apply: async (record) => {
          seen.push(record.containerId);
          return {};
        },
      }),
    ];
    expect(await run(plan)).toEqual({ outcome: { ok: true }, applied: ['a', 'b'] });
    expect(seen).toEqual(['c9']);
  });

  it('runs a group side by side, joins what its steps learnt, and waits for all of them to end', async () => {
    let [inside, most, ended] = [0, 0, 0];
    const slow = (name: string, fails: boolean) =>
      step(name, {
        async apply() {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setTimeout(resolve, fails ? 5 : 30));
          ended += 1;
          if (fails) throw new KerneletError('ENGINE_FAILED', 'no');
          return {};
        },
      });
    const good = await run([[slow('a', false), slow('b', false)], step('c')]);
    expect([good.outcome.ok, most, ended]).toEqual([true, 2, 2]);
    const bad = await run([[slow('a', true), slow('b', false)], step('c')]);
    expect(bad.outcome).toMatchObject({ ok: false, step: 'a', error: { code: 'ENGINE_FAILED' } });
    expect(bad.applied).not.toContain('c');
    expect(ended).toBe(4);
  });

  it('runs only the steps of one container for a restart', async () => {
    const plan = [step('a'), [step('b'), step('c', { scope: 'generation' })], step('d', { scope: 'generation' })];
    expect((await run(plan, { scope: 'generation' })).applied).toEqual(['c', 'd']);
  });

  it('ends a step at its deadline, and waits a while for what ignores that: a revert comes after it', async () => {
    const clock = new FakeClock();
    const late = Promise.withResolvers<object>();
    const [hang, slow] = [
      step('hang', { deadlineMs: 20, apply: () => new Promise(() => {}) }),
      step('slow', { deadlineMs: 20, apply: () => late.promise }),
    ];
    const ended: string[] = [];
    const runs = [hang, slow].map(async (one) => {
      const { outcome } = await run([one], { clock });
      ended.push(one.name);
      return outcome;
    });
    await clock.advance(5_000);
    expect(ended).toEqual([]);
    late.resolve({});
    await runs[1];
    expect(ended).toEqual(['slow']);
    await clock.advance(10_000);
    const failure = { ok: false, error: { code: 'DEADLINE_EXCEEDED' } };
    expect(await Promise.all(runs)).toMatchObject([
      { ...failure, step: 'hang' },
      { ...failure, step: 'slow' },
    ]);
  });

  it('stops at a cancellation with its reason', async () => {
    const controller = new AbortController();
    const reason = new KerneletError('CANCELLED', 'enough');
    const plan = [
      step('a', {
        apply: async () => {
          controller.abort(reason);
          return {};
        },
      }),
      step('b'),
    ];
    const { outcome, applied } = await run(plan, { signal: controller.signal });
    expect(outcome).toMatchObject({ ok: false, step: 'b', error: reason });
    expect(applied).not.toContain('b');
  });
});
