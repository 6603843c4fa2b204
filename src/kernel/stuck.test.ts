import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { usingFixtures } from '../../test/support/kernels-fixture.ts';
import { stuckOf } from './stuck.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const facts = { failedTry: null, unreachableSince: null, missingGraceMs: 300_000, now: 10_000 };

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
