import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { recordFixture } from '../../../test/support/kernel-record.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { asContainerId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { type RevertRun, revertSteps, runCreation } from './creation.ts';
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
    const failure = (name: string) => ({
      ...{ ok: false, step: name },
      error: { code: 'DEADLINE_EXCEEDED', message: `step ${name} took longer than 20 ms` },
    });
    expect(await Promise.all(runs)).toMatchObject([failure('hang'), failure('slow')]);
  });

  it('ends the other steps of a group with the first that fails, whose failure it is', async () => {
    const reasons: unknown[] = [];
    const until = (name: string): CreationStep =>
      step(name, {
        deadlineMs: 60_000,
        apply: (_, { signal }) =>
          new Promise((__, reject) => {
            signal.addEventListener('abort', () => {
              reasons.push(signal.reason.step);
              reject(new KerneletError('ENGINE_FAILED', `${name} was ended`));
            });
          }),
      });
    const failing = step('failing', { apply: () => Promise.reject(new KerneletError('NO_PORT_LEFT', 'none')) });
    const { outcome, applied } = await run([[until('a'), failing, until('b')], step('c')]);
    expect(outcome).toMatchObject({ ok: false, step: 'failing', error: { code: 'NO_PORT_LEFT', message: 'none' } });
    expect([reasons, applied]).toEqual([['failing', 'failing'], []]);
  });

  it('is cancelled before it begins, in the name of its first step', async () => {
    const reason = new KerneletError('CANCELLED', 'enough');
    const { outcome, applied } = await run([step('a')], { signal: AbortSignal.abort(reason) });
    expect(outcome).toEqual({ ok: false, step: 'a', error: reason });
    expect(applied).toEqual([]);
  });

  it('tells of each step when it begins, how long it may take, and when it has ended, however it ends', async () => {
    const told: unknown[] = [];
    const clock = new FakeClock();
    const plan = [
      step('a', { deadlineMs: 7, apply: () => clock.advance(5).then(() => ({})) }),
      step('b', { deadlineMs: 9, apply: () => Promise.reject(new Error('no')) }),
    ];
    await runCreation(plan, recordFixture(), {
      ...{ scope: 'kernel', signal: new AbortController().signal, clock },
      onBegun: (name, ms) => {
        told.push(['begun', name, ms]);
        return { [Symbol.dispose]: () => void told.push(['ended', name]) };
      },
      onApplied: (name, ms, change) => void told.push(['applied', name, ms, change]),
    });
    expect(told).toEqual([
      ['begun', 'a', 7],
      ['applied', 'a', 5, {}],
      ['ended', 'a'],
      ['begun', 'b', 9],
      ['ended', 'b'],
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

describe('taking a creation back', () => {
  /** Reverts a plan; the steps that began and ended, and what was logged. */
  async function revert(plan: CreationPlan, options: Partial<RevertRun> = {}) {
    const told: string[] = [];
    const logged: unknown[] = [];
    const record = recordFixture();
    const failures = await revertSteps(plan, record, {
      scope: 'kernel',
      clock: systemClock,
      log: { ...silentLogger, warn: (text, fields) => void logged.push([text, fields]) },
      onBegun: (name, ms) => {
        told.push(`${name} ${ms}`);
        return { [Symbol.dispose]: () => void told.push(`${name} ended`) };
      },
      ...options,
    });
    return { failures, told, logged, record };
  }
  const failing = (name: string, change: Partial<CreationStep> = {}) =>
    step(name, { revert: () => Promise.reject(new KerneletError('ENGINE_FAILED', `${name} stays`)), ...change });

  it('undoes all steps in reverse, one after the other, whatever had been applied', async () => {
    const order: string[] = [];
    const noting = (name: string) => step(name, { deadlineMs: 5, revert: async () => void order.push(name) });
    const { failures, told, logged } = await revert([noting('a'), [noting('b'), noting('c')], noting('d')]);
    expect(order).toEqual(['d', 'c', 'b', 'a']);
    expect(told).toEqual(['d', 'c', 'b', 'a'].flatMap((name) => [`${name} 5`, `${name} ended`]));
    expect([failures, logged]).toEqual([[], []]);
  });

  it('undoes only the steps of one container for a restart', async () => {
    const plan = [step('a'), [step('b'), step('c', { scope: 'generation' })], step('d', { scope: 'generation' })];
    const { told } = await revert(plan, { scope: 'generation' });
    expect(told.filter((line) => line.endsWith('ended'))).toEqual(['d ended', 'c ended']);
  });

  it('goes on behind a step that stays, tells of it, and says which', async () => {
    const { failures, told, logged, record } = await revert([step('a'), failing('b'), step('c')]);
    expect(failures).toEqual([{ step: 'b', code: 'ENGINE_FAILED', message: 'b stays' }]);
    expect(told.filter((line) => line.endsWith('ended'))).toEqual(['c ended', 'b ended', 'a ended']);
    const error = expect.objectContaining({ code: 'ENGINE_FAILED' });
    expect(logged).toEqual([['a step could not be undone', { kernel: record.spec.id, step: 'b', error }]]);
  });

  it('leaves what a step guards that stays: it may still be in use', async () => {
    const { failures, told } = await revert([step('a'), failing('b', { guards: true }), failing('c')]);
    expect(failures.map((failure) => failure.step)).toEqual(['c', 'b']);
    expect(told.filter((line) => line.endsWith('ended'))).toEqual(['c ended', 'b ended']);
    const passed = await revert([step('a'), step('b', { guards: true })]);
    expect(passed.told.filter((line) => line.endsWith('ended'))).toEqual(['b ended', 'a ended']);
  });

  it('gives up a step at its deadline', async () => {
    const clock = new FakeClock();
    const hanging = step('hang', { deadlineMs: 20, revert: () => new Promise(() => {}) });
    const reverted = revert([step('a'), hanging], { clock });
    await clock.advance(20);
    const { failures, told } = await reverted;
    expect(failures).toEqual([
      { step: 'hang', code: 'DEADLINE_EXCEEDED', message: 'undoing step hang took longer than 20 ms' },
    ]);
    expect(told).toContain('a ended');
  });
});
