import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { usingFixtures } from '../../test/support/kernels-fixture.ts';
import type { KernelPhase } from './record.ts';
import { stuckOf } from './stuck.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const facts = { work: null, failedTry: null, unreachableSince: null, missingGraceMs: 300_000, now: 10_000 };

describe('what a kernel is stuck for', () => {
  it('is nothing while it gets on', () => {
    for (const phase of ['creating', 'running', 'restarting', 'terminating', 'terminated'] as const) {
      expect(stuckOf(recordFixture({ phase }), facts)).toBeNull();
    }
  });

  it('is said with what comes next', () => {
    const failedTry = { why: 'container: busy', since: 4_000, nextAt: 12_000 };
    expect(stuckOf(recordFixture({ phase: 'terminating' }), { ...facts, failedTry })).toEqual({
      why: 'what is left of it could not be removed: container: busy',
      since: 4_000,
      next: expect.stringMatching(/^it is tried again in 2/),
    });
    const restarting = stuckOf(recordFixture({ phase: 'restarting' }), { ...facts, failedTry, now: 13_000 });
    expect(restarting).toMatchObject({
      why: expect.stringContaining('its container could not be replaced'),
      next: 'it is being tried again',
    });
    const record = recordFixture({ missingSince: 5_000 });
    expect(stuckOf(record, { ...facts, unreachableSince: 6_000 })).toMatchObject({
      why: 'the engine does not list its container',
      since: 5_000,
      next: expect.stringContaining('5'),
    });
    expect(stuckOf(recordFixture(), { ...facts, unreachableSince: 6_000 })).toMatchObject({
      since: 6_000,
      next: expect.stringContaining(`kernelet rm --force`),
    });
  });

  it('is the step of a transition that takes long, when it is given up, and what comes then', () => {
    const work = { what: 'ready', since: 1_000, until: 31_000 };
    const said = (phase: KernelPhase, now: number) => stuckOf(recordFixture({ phase }), { ...facts, work, now });
    expect(said('creating', 10_999)).toBeNull();
    expect(said('creating', 11_000)).toEqual({
      why: 'its creation has not got past “ready” yet',
      since: 1_000,
      next: expect.stringMatching(/^that is given up in 20(\.0+)? s, and it is undone$/),
    });
    for (const phase of ['running', 'restarting', 'terminating', 'terminated'] as const) {
      expect(said(phase, 40_000)).toMatchObject({
        since: 1_000,
        next: expect.stringContaining('is being given up, and'),
      });
    }
    const failedTry = { why: 'container: busy', since: 500, nextAt: 1_000 };
    const tried = stuckOf(recordFixture({ phase: 'terminating' }), { ...facts, work, failedTry, now: 40_000 });
    expect(tried?.next).toBe('it is being tried again');
  });

  it.each([
    ['is created', 'createContainer', 'creating', 'container', 'is undone'],
    ['is started', 'startContainer', 'creating', 'start', 'is undone'],
    ['is removed', 'removeContainer', 'terminating', 'container', 'is tried again'],
    ['is restarted', 'removeContainer', 'restarting', 'container', 'is tried again, or the kernel ends'],
    ['gets another container', 'createContainer', 'restarting', 'container', 'is tried again, or the kernel ends'],
  ] as const)(
    'is an engine that hangs while it %s (%s), until that is given up',
    async (_, method, phase, step, then) => {
      const clock = new FakeClock();
      const { kernels, dummy } = await fixture({ parts: { clock }, settings: { graceMs: 0 } });
      const { registry } = kernels;
      const spec = specFixture();
      const isBegun = phase !== 'creating';
      if (isBegun) await registry.create(spec, never);
      const hang = dummy.fail(method, { kind: 'hang' }, { times: 100 });
      const going = isBegun
        ? phase === 'restarting'
          ? registry.restart(spec.id, never)
          : registry.destroy(spec.id, { reason: 'user-requested', force: true })
        : registry.create(spec, never);
      const outcome = going.then(
        () => 'done',
        () => 'failed',
      );
      await expect.poll(() => dummy.calls.at(-1)?.method).toBe(method);
      const since = clock.now();
      expect(registry.stuckOf(spec.id)).toBeNull();
      await clock.advance(11_000);
      expect(registry.stuckOf(spec.id)).toMatchObject({
        why: expect.stringContaining(`has not got past “${step}” yet`),
        since,
        next: expect.stringMatching(new RegExp(`^that is given up in .* and it ${then}$`)),
      });
      // No step may take longer than this: then the next thing happens, and is told.
      await clock.advance(150_000);
      const isTriedAgain = phase !== 'creating';
      if (isTriedAgain) await expect.poll(() => registry.stuckOf(spec.id)?.why).toMatch(/could not be/);
      else expect(await outcome).toBe('failed');
      hang[Symbol.dispose]();
      const inTransition = async (): Promise<number> => {
        await clock.advance(1_000);
        return registry.list().filter(({ phase: now }) => now !== 'running').length;
      };
      await expect.poll(inTransition, { timeout: 5_000 }).toBe(0);
      await outcome;
    },
  );

  it('is known from the first failure to the end', async () => {
    const clock = new FakeClock();
    const { kernels, dummy } = await fixture({ parts: { clock }, settings: { graceMs: 0 } });
    const { registry } = kernels;
    const { id } = (await registry.create(specFixture(), never)).spec;
    expect(registry.stuckOf(id)).toBeNull();
    dummy.fail('removeContainer', { kind: 'error' }, { times: 2 });
    const ended = registry.destroy(id, { reason: 'user-requested', force: true });
    await expect.poll(() => registry.stuckOf(id)?.next).toMatch(/^it is tried again in/);
    const first = registry.stuckOf(id);
    expect(first).toMatchObject({ since: clock.now(), why: expect.stringContaining('planted failure') });
    await clock.advance(600);
    await expect.poll(() => registry.stuckOf(id)?.next).toMatch(/^it is tried again in/);
    expect(registry.stuckOf(id)?.since).toBe(first?.since);
    await clock.advance(2_000);
    await ended;
    expect(registry.stuckOf(id)).toBeNull();
  });
});
