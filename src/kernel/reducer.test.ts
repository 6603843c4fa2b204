import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { recordFixture } from '../../test/support/kernel-record.ts';
import { KerneletError } from '../lib/errors.ts';
import { asContainerId } from '../lib/ids.ts';
import { type Effect, initialState, type KernelState, type LifecycleEvent } from './lifecycle.ts';
import { kernelPhases, noPlacement } from './record.ts';
import { reduce } from './reducer.ts';

const failure = new KerneletError('ENGINE_FAILED', 'the engine said no');
const fresh = () => initialState(recordFixture({ phase: 'creating', containerId: null, readyAt: null }));
const destroy: LifecycleEvent = {
  type: 'destroy',
  reason: 'user-requested',
  force: false,
  detail: 'x',
  error: failure,
};

/** Folds events one after the other; gives the last state and every effect. */
function fold(
  start: KernelState,
  events: readonly LifecycleEvent[],
): { state: KernelState; effects: readonly Effect[] } {
  const effects: Effect[] = [];
  let state = start;
  for (const event of events) {
    const result = reduce(state, event, 5_000);
    state = result.state;
    effects.push(...result.effects);
  }
  return { state, effects };
}

const kinds = (effects: readonly Effect[]): readonly string[] =>
  effects.map((effect) => (effect.type === 'announce' ? effect.event.type : effect.type));

const toRunning: readonly LifecycleEvent[] = [
  { type: 'create' },
  { type: 'written' },
  { type: 'step-applied', step: 'container', ms: 3, change: { containerId: asContainerId('c1') } },
  { type: 'creation-done' },
  { type: 'written' },
];

describe('the reducer', () => {
  it('writes the intent before anything else and announces the kernel after it', () => {
    const { state, effects } = fold(fresh(), toRunning);
    expect(kinds(effects)).toEqual([
      'write',
      'kernel-preparing',
      'kernel-creating',
      'start-creation',
      'write',
      'kernel-started',
      'open-runner',
      'settle',
      'settle',
    ]);
    expect(state.stage).toBe('running');
    expect(state.record).toMatchObject({ phase: 'running', containerId: 'c1', readyAt: 5_000 });
    expect(state.record.timings).toEqual([{ step: 'container', ms: 3 }]);
  });

  it('starts nothing and announces nothing when the intent cannot be written', () => {
    const { state, effects } = fold(fresh(), [{ type: 'create' }, { type: 'write-failed', error: failure }]);
    expect(state.stage).toBe('terminated');
    expect(kinds(effects)).toEqual(['write', 'forget', 'settle', 'ended']);
  });

  it('cancels a creation that is destroyed, and cleans up only when it has stopped', () => {
    const half = fold(fresh(), [...toRunning.slice(0, 3), destroy]);
    expect(kinds(half.effects).slice(-2)).toEqual(['write', 'cancel-creation']);
    const whole = fold(half.state, [
      { type: 'creation-failed', step: 'start', error: failure },
      { type: 'reverted', failures: [] },
    ]);
    expect(kinds(whole.effects)).toEqual([
      'start-revert',
      'kernel-terminated',
      'forget',
      'settle',
      'settle',
      'settle',
      'ended',
    ]);
    expect(whole.state.record.termination?.reason).toBe('user-requested');
  });

  it('ends the grace of a restart that is destroyed', () => {
    const { state } = fold(fresh(), [...toRunning, { type: 'restart', environ: [] }, { type: 'written' }]);
    expect(state.work).toBe('handover');
    const ended = fold(state, [destroy]);
    expect(kinds(ended.effects)).toEqual(['write', 'skip-grace']);
    expect(kinds(fold(ended.state, [{ type: 'reverted', failures: [] }]).effects)).toEqual(['start-revert']);
  });

  it('goes on as before when a restart cannot be written, and says so in the journal too', () => {
    const before = fold(fresh(), toRunning).state;
    const { state } = fold(before, [{ type: 'restart', environ: [['CHANGED', '1']] }]);
    const refused = fold(state, [{ type: 'write-failed', error: failure }]);
    expect(refused.state).toEqual(before);
    expect(refused.effects).toEqual([
      { type: 'write', essential: false },
      { type: 'settle', answer: 'restarted', error: failure },
    ]);
  });

  it('ends a kernel whose restart an earlier process has begun when that cannot be written again', () => {
    const { state, effects } = fold(initialState(recordFixture({ phase: 'restarting' })), [
      { type: 'recovered', finding: { as: 'absent' }, endTold: false },
      { type: 'write-failed', error: failure },
    ]);
    expect(state).toMatchObject({ stage: 'terminating', ending: { reason: 'failed-to-start', error: failure } });
    expect(kinds(effects)).toContain('start-revert');
  });

  it('keeps the first reason of termination', () => {
    const died: LifecycleEvent = {
      type: 'container-died',
      containerId: asContainerId('c1'),
      generation: 1,
      exitCode: 137,
      outOfMemory: true,
      detail: 'memory',
    };
    const { state, effects } = fold(fresh(), [
      ...toRunning,
      died,
      destroy,
      destroy,
      { type: 'reverted', failures: [] },
    ]);
    expect(state.record.termination).toMatchObject({ reason: 'out-of-memory', exitCode: 137 });
    expect(kinds(effects).filter((kind) => kind === 'kernel-terminated')).toHaveLength(1);
    expect(kinds(effects).filter((kind) => kind === 'start-revert')).toHaveLength(1);
  });

  it('treats the end of an older container as a stray and leaves the kernel alone', () => {
    const restart: readonly LifecycleEvent[] = [
      { type: 'restart', environ: [] },
      { type: 'written' },
      { type: 'reverted', failures: [] },
      { type: 'step-applied', step: 'container', ms: 1, change: { containerId: asContainerId('c2') } },
      { type: 'creation-done' },
      { type: 'written' },
    ];
    const { state } = fold(fresh(), [...toRunning, ...restart]);
    expect(state.record).toMatchObject({ phase: 'running', generation: 2, containerId: 'c2' });
    const late: LifecycleEvent = {
      type: 'container-died',
      containerId: asContainerId('c1'),
      generation: 1,
      exitCode: 137,
      outOfMemory: false,
      detail: '',
    };
    const after = reduce(state, late, 1);
    expect(after.state).toBe(state);
    expect(after.effects).toEqual([{ type: 'remove-stray', containerId: 'c1' }]);
  });

  it('answers with an error after three failed clean-ups and goes on trying', () => {
    const failed: LifecycleEvent = { type: 'reverted', failures: ['container: engine down'] };
    const { state, effects } = fold(fresh(), [
      ...toRunning,
      destroy,
      failed,
      { type: 'retry' },
      failed,
      { type: 'engine-back' },
      failed,
    ]);
    expect(state).toMatchObject({ stage: 'terminating', work: 'retry', failures: 3 });
    const answers = effects.filter((effect) => effect.type === 'settle' && effect.answer === 'destroyed');
    expect(answers).toHaveLength(1);
    const end = fold(state, [{ type: 'retry' }, { type: 'reverted', failures: [] }]);
    expect(end.state.stage).toBe('terminated');
    expect(kinds(end.effects)).toContain('kernel-terminated');
  });

  it('tells of the end of a dead container that cannot be removed, once, and goes on trying', () => {
    const died = {
      type: 'container-died',
      generation: 1,
      exitCode: 3,
      outOfMemory: false,
      detail: 'it ended',
    } as const;
    const running = fold(fresh(), toRunning).state;
    const containerId = running.record.containerId ?? asContainerId('');
    const failed: LifecycleEvent = { type: 'reverted', failures: ['container: device or resource busy'] };
    const twice = fold(running, [{ ...died, containerId }, failed, { type: 'retry' }, failed]);
    expect(kinds(twice.effects)).not.toContain('kernel-terminated');
    const thrice = fold(twice.state, [{ type: 'retry' }, failed]);
    expect(thrice.effects).toContainEqual({
      type: 'announce',
      event: expect.objectContaining({ type: 'kernel-terminated', reason: 'self-terminated', exitCode: 3 }),
    });
    expect(thrice.state).toMatchObject({ stage: 'terminating', work: 'retry' });
    const end = fold(thrice.state, [{ type: 'retry' }, failed, { type: 'retry' }, { type: 'reverted', failures: [] }]);
    expect(end.state.stage).toBe('terminated');
    expect(kinds(end.effects)).not.toContain('kernel-terminated');
  });

  it('takes note of a missing container, once, and ends nothing for it', () => {
    const { state } = fold(fresh(), toRunning);
    const containerId = state.record.containerId ?? asContainerId('');
    const sight: LifecycleEvent = { type: 'container-missing', containerId, generation: 1 };
    const missing = reduce(state, sight, 5);
    expect(missing.state).toMatchObject({ stage: 'running', work: 'none', record: { missingSince: 5 } });
    expect(missing.effects).toEqual([{ type: 'write', essential: false }]);
    expect(reduce(missing.state, sight, 9)).toEqual({ state: missing.state, effects: [] });
    const found = reduce(missing.state, { type: 'container-found', containerId }, 10);
    expect(found.state).toEqual(state);
    expect(found.effects).toEqual([{ type: 'write', essential: false }]);
    const gone = reduce(missing.state, { ...sight, type: 'container-gone', detail: 'nobody knows it' }, 11);
    expect(gone.state.record).toMatchObject({
      missingSince: null,
      termination: { reason: 'container-not-found', detail: 'nobody knows it', at: 11 },
    });
  });

  it('does not take an older container that is missing for its own', () => {
    const { state } = fold(fresh(), toRunning);
    const older: LifecycleEvent = { type: 'container-missing', containerId: asContainerId('c9'), generation: 1 };
    expect(reduce(state, older, 5)).toEqual({ state, effects: [] });
    expect(reduce(state, { type: 'container-found', containerId: asContainerId('c9') }, 5)).toEqual({
      state,
      effects: [],
    });
  });

  it('counts an illegal edge and changes nothing', () => {
    const { state } = fold(fresh(), toRunning);
    const result = reduce(state, { type: 'create' }, 1);
    expect(result.state).toBe(state);
    expect(result.effects).toEqual([
      { type: 'count', invariantViolation: 'illegal-edge', detail: 'create while running (none)' },
    ]);
  });

  it.each(kernelPhases)('recovers a record of phase %s whatever became of its container', (phase) => {
    for (const as of ['alive', 'dead', 'removed', 'absent'] as const) {
      const finding =
        as === 'dead'
          ? { as, exitCode: 0, outOfMemory: false, detail: 'it ended' }
          : as === 'alive'
            ? { as, containerId: asContainerId('c1') }
            : { as };
      const { state, effects } = fold(initialState(recordFixture({ phase })), [
        { type: 'recovered', finding, endTold: false },
      ]);
      if (phase === 'running' && (as === 'alive' || as === 'absent')) {
        expect(state).toMatchObject({ stage: 'running', work: 'none' });
        expect(state.record.missingSince).toBe(as === 'alive' ? null : 5_000);
      } else if (phase === 'restarting') expect(state).toMatchObject({ stage: 'restarting', work: 'renewal' });
      else {
        expect(state).toMatchObject({ stage: 'terminating', work: 'clean-up' });
        expect(kinds(effects)).toContain('start-revert');
      }
    }
  });
});

const anyEvent: fc.Arbitrary<LifecycleEvent> = fc.oneof(
  fc.constantFrom<LifecycleEvent>(
    { type: 'create' },
    { type: 'restart', environ: [] },
    { type: 'written' },
    { type: 'write-failed', error: failure },
    { type: 'step-applied', step: 'container', ms: 1, change: { containerId: asContainerId('c1') } },
    { type: 'creation-done' },
    { type: 'creation-failed', step: 'ready', error: failure },
    { type: 'reverted', failures: [] },
    { type: 'reverted', failures: ['no'] },
    { type: 'retry' },
    { type: 'engine-lost' },
    { type: 'engine-back' },
    destroy,
    { ...destroy, reason: 'idle-timeout', force: true },
  ),
  fc.record({
    type: fc.constant('container-died' as const),
    containerId: fc.constantFrom(asContainerId('c1'), asContainerId('c2')),
    generation: fc.integer({ min: 1, max: 3 }),
    exitCode: fc.constantFrom(0, 1, 137),
    outOfMemory: fc.boolean(),
    detail: fc.constant('it ended'),
  }),
  fc.record({
    type: fc.constant('placement-found' as const),
    containerId: fc.constantFrom(asContainerId('c1'), asContainerId('c2')),
    placement: fc.constant({ ...noPlacement, cpuset: '1' }),
  }),
  fc.record({
    type: fc.constantFrom('container-gone' as const, 'container-missing' as const),
    containerId: fc.constantFrom(asContainerId('c1'), asContainerId('c2')),
    generation: fc.integer({ min: 1, max: 3 }),
    detail: fc.constant('somebody removed it'),
  }),
  fc.record({
    type: fc.constant('container-found' as const),
    containerId: fc.constantFrom(asContainerId('c1'), asContainerId('c2')),
  }),
);

describe('the reducer under any order of commands and facts', () => {
  it('keeps the invariants', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        let state = fresh();
        let preparing = 0;
        let terminated = 0;
        let underWay = 0;
        let firstReason: string | null = null;
        for (const event of events) {
          const before = state;
          const { state: next, effects } = reduce(state, event, 1);
          state = next;
          for (const effect of effects) {
            if (before.stage === 'terminated') expect(['settle', 'remove-stray', 'count']).toContain(effect.type);
            if (effect.type === 'announce' && effect.event.type === 'kernel-preparing') preparing += 1;
            if (effect.type === 'announce' && effect.event.type === 'kernel-terminated') terminated += 1;
            if (effect.type === 'start-creation' || effect.type === 'start-revert') {
              // Whatever was under way before has reported its end with this very event.
              const reported = ['creation-done', 'creation-failed', 'reverted'].includes(event.type);
              if (reported) underWay -= 1;
              underWay += 1;
              expect(underWay).toBeLessThanOrEqual(1);
            }
          }
          const restful = ['none', 'retry', 'intent', 'commit', 'renewal'].includes(state.work);
          if (restful) underWay = 0;
          if (state.record.termination) firstReason ??= state.record.termination.reason;
          if (firstReason) expect(state.record.termination?.reason).toBe(firstReason);
          expect(terminated).toBeLessThanOrEqual(preparing);
          expect(preparing).toBeLessThanOrEqual(1);
          expect(state.stage === 'new' ? 'creating' : state.stage).toBe(state.record.phase);
          if (state.stage === 'terminated') expect(state.work).toBe('none');
          if (state.stage === 'terminated' && preparing === 1) expect(terminated).toBe(1);
        }
      }),
      { numRuns: fuzzRuns(2_000) },
    );
  });
});
