import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { recordFixture } from '../../test/support/kernel-record.ts';
import { describeEffect, parseEvent, parseTranscripts, runTranscript } from '../../test/support/kernel-transcript.ts';
import { asContainerId } from '../lib/ids.ts';
import { type KernelPhase, type KernelRecord, kernelPhases } from './record.ts';
import type { Effect, EventType, KernelState, LifecycleEvent, StateName } from './state-machine.ts';
import { reduce, transitions } from './transitions.ts';

const fresh = (record: KernelRecord): KernelState => ({ name: 'new', record });
const created = (): KernelState => fresh(recordFixture({ phase: 'creating', containerId: null, readyAt: null }));
const toRunning = 'create\nwritten\nstep-applied container c1\ncreation-done\nwritten';

/** What a transcript begins from. */
const starts: Readonly<Record<string, () => KernelState>> = {
  created,
  running: () => runTranscript(created(), toRunning).state,
  'a record that says paused': () => fresh(recordFixture({ paused: { since: 3_000, by: 'idle', confirmed: true } })),
  'a record of a pause under way': () =>
    fresh(recordFixture({ paused: { since: 3_000, by: 'request', confirmed: false } })),
  ...Object.fromEntries(
    kernelPhases.map((phase) => [`a record that says ${phase}`, () => fresh(recordFixture({ phase }))]),
  ),
};

describe.each(['creation', 'restart', 'termination', 'container', 'pause', 'recovery'])("a kernel's %s", (topic) => {
  const file = new URL(`../../test/fixtures/kernel-transcripts/${topic}.txt`, import.meta.url);
  for (const { title, start, text } of parseTranscripts(readFileSync(file, 'utf8'))) {
    it(title, () => {
      const begin = starts[start];
      if (!begin) throw new Error(`a transcript begins from ${start}`);
      expect(runTranscript(begin(), text).text).toBe(text);
    });
  }
});

/** The phase that the record shows in each state; a new kernel's is that of its record. */
const phases: Readonly<Record<Exclude<StateName, 'new'>, KernelPhase>> = {
  'writing-intent': 'creating',
  creating: 'creating',
  'writing-start': 'running',
  running: 'running',
  'writing-restart': 'restarting',
  replacing: 'restarting',
  'awaiting-replacement': 'restarting',
  recreating: 'restarting',
  'cancelling-creation': 'terminating',
  'cancelling-replacement': 'terminating',
  'cleaning-up': 'terminating',
  'awaiting-retry': 'terminating',
  terminated: 'terminated',
};

/** What an actor has under way: it answers each of these once, and a write before it takes in anything else. */
interface Situation {
  readonly state: KernelState;
  readonly underWay: 'write' | 'creation' | 'revert' | 'pause' | 'resume' | null;
  /** Whether the timer of a retry runs: it goes on when something else was faster. */
  readonly timer: boolean;
  readonly preparing: number;
  readonly terminated: number;
}

const hints = [
  ...['c1', 'c2', 'c3'].flatMap((id, index) => [
    `container-died ${id} generation=${index + 1}`,
    `container-missing ${id} generation=${index + 1}`,
    `container-found ${id}`,
    `container-found ${id} paused`,
    `container-found ${id} stale`,
    `container-gone ${id} generation=${index + 1}`,
    `placement-found ${id} cpuset=1`,
  ]),
  'engine-back',
];
const commands = ['destroy user-requested', 'destroy idle-timeout force', 'restart', 'pause', 'pause idle', 'resume'];

/** The events that can come to an actor in a situation. */
function possible({ state, underWay, timer }: Situation): readonly string[] {
  if (underWay === 'write') return ['written', 'write-failed'];
  if (underWay === 'pause') return ['pause-set', 'pause-set failed'];
  if (underWay === 'resume') return ['pause-set running', 'pause-set running failed'];
  if (state.name === 'new') {
    return [
      'create',
      'recovered alive',
      'recovered alive paused',
      'recovered dead',
      'recovered absent',
      'recovered absent published',
    ];
  }
  const { generation } = state.record;
  return [
    ...(underWay === 'creation'
      ? [
          `step-applied container c${generation}`,
          'creation-done',
          'creation-failed start',
          'creation-failed ready',
          'creation-failed start ENGINE_CHANGED',
        ]
      : []),
    ...(underWay === 'revert' ? ['reverted', 'reverted container:busy', 'reverted container:ENGINE_CHANGED'] : []),
    ...(timer ? ['retry'] : []),
    ...commands,
    // Nobody has seen a container of a generation to come.
    ...hints.filter((hint) => [1, 2, 3].every((number) => number <= generation || !hint.includes(`c${number}`))),
  ];
}

/** What an actor does about the effects. */
function act(before: Situation, event: LifecycleEvent, state: KernelState, effects: readonly Effect[]): Situation {
  const reported = /^(written|write-failed|creation-done|creation-failed|reverted|pause-set)$/.test(event.type);
  let { timer, preparing, terminated } = before;
  let underWay = reported ? null : before.underWay;
  if (event.type === 'retry') timer = false;
  for (const effect of effects) {
    const started =
      effect.type === 'write' && effect.essential
        ? 'write'
        : effect.type === 'start-creation'
          ? 'creation'
          : effect.type === 'start-revert'
            ? 'revert'
            : effect.type === 'set-paused'
              ? effect.isPaused
                ? 'pause'
                : 'resume'
              : null;
    if (started !== null) {
      expect(underWay).toBeNull();
      underWay = started;
    }
    if (effect.type === 'schedule-retry') timer = true;
    if (effect.type === 'publish' && effect.event.type === 'kernel-preparing') preparing += 1;
    if (effect.type === 'publish' && effect.event.type === 'kernel-terminated') terminated += 1;
  }
  return { state, underWay, timer, preparing, terminated };
}

/** Situations with the same one go on alike. */
function keyOf({ state, underWay, timer, preparing, terminated }: Situation): string {
  const { generation, containerId, missingSince, phase, paused, termination } = state.record;
  const { record: _, cause: _cause, before, ...rest } = { cause: null, before: null, ...state };
  const facts = [generation, containerId, missingSince, phase, termination?.reason, before === null, paused];
  return JSON.stringify([rest, facts, underWay, timer, preparing, terminated]);
}

describe('the state machine under everything that can come to an actor', () => {
  it('takes no illegal edge, uses each cell of its table, and publishes one end for each beginning', () => {
    const situations: Situation[] = kernelPhases
      .map((phase) => fresh(recordFixture({ phase, containerId: phase === 'creating' ? null : asContainerId('c1') })))
      .map((state) => ({ state, underWay: null, timer: false, preparing: 0, terminated: 0 }));
    const seen = new Set(situations.map(keyOf));
    const used = new Set<string>();
    for (const situation of situations) {
      for (const line of possible(situation)) {
        const event = parseEvent(line, situation.state.record);
        const { state, effects } = reduce(situation.state, event, 1);
        const texts = effects.map(describeEffect);
        expect(texts.filter((text) => text.includes('illegal-edge'))).toEqual([]);
        used.add(`${situation.state.name} ${event.type}`);
        // An earlier process has published the beginning of what it recorded, and maybe the end.
        const recovered = event.type === 'recovered' ? 1 : 0;
        const known = event.type === 'recovered' && event.terminationPublished ? 1 : 0;
        const next = act(
          {
            ...situation,
            preparing: situation.preparing + recovered,
            terminated: situation.terminated + known,
          },
          event,
          state,
          effects,
        );
        if (state.name !== 'new') expect(state.record.phase).toBe(phases[state.name]);
        expect(next.terminated).toBeLessThanOrEqual(next.preparing);
        if (state.name === 'terminated') expect(next.terminated).toBe(next.preparing);
        const isFar = state.record.generation > 3 || ('failedCleanUps' in state && state.failedCleanUps > 4);
        if (isFar || seen.has(keyOf(next))) continue;
        seen.add(keyOf(next));
        situations.push(next);
      }
    }
    const cells = Object.entries(transitions).flatMap(([state, row]) =>
      Object.keys(row).map((event) => `${state} ${event}`),
    );
    expect([...used].sort()).toEqual(cells.sort());
  });
});

const anyEvent = fc
  .oneof(
    fc.constantFrom(
      ...['create', 'written', 'write-failed', 'step-applied container c1', 'creation-done', 'creation-failed ready'],
      ...[
        'reverted',
        'reverted no',
        'reverted container:ENGINE_UNAVAILABLE',
        'retry',
        'recovered absent',
        ...commands,
        'pause-set',
        'pause-set running failed',
        'engine-back',
      ],
    ),
    fc
      .tuple(
        fc.constantFrom('container-died', 'container-gone', 'container-missing', 'container-found', 'placement-found'),
        fc.constantFrom('c1', 'c2'),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom('', 'out-of-memory'),
      )
      .map(([type, id, generation, memory]) => `${type} ${id} generation=${generation} ${memory}`),
  )
  .map((line) => parseEvent(line));

describe('the state machine under any order of commands and facts', () => {
  // @promise one-end
  it('keeps the first cause, begins one thing at a time, and publishes one end for each beginning', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        let state = created();
        let [preparing, terminated, underWay] = [0, 0, 0];
        let firstReason: string | null = null;
        for (const event of events) {
          const before = state;
          const { state: next, effects } = reduce(state, event, 1);
          state = next;
          if (event.type === 'recovered' && before.name === 'new') preparing += 1;
          for (const effect of effects) {
            if (before.name === 'terminated') expect(['settle', 'remove-orphan', 'count']).toContain(effect.type);
            if (effect.type === 'publish' && effect.event.type === 'kernel-preparing') preparing += 1;
            if (effect.type === 'publish' && effect.event.type === 'kernel-terminated') terminated += 1;
            if (effect.type === 'start-creation' || effect.type === 'start-revert') {
              // Whatever was under way before has reported its end with this very event.
              if (['creation-done', 'creation-failed', 'reverted'].includes(event.type)) underWay -= 1;
              underWay += 1;
              expect(underWay).toBeLessThanOrEqual(1);
            }
          }
          if (/^(new|writing-.*|running|awaiting-.*|terminated)$/.test(state.name)) underWay = 0;
          if (state.record.termination) firstReason ??= state.record.termination.reason;
          if (firstReason) expect(state.record.termination?.reason).toBe(firstReason);
          expect(terminated).toBeLessThanOrEqual(preparing);
          expect(preparing).toBeLessThanOrEqual(1);
          if (state.name !== 'new') expect(state.record.phase).toBe(phases[state.name]);
          if (state.name === 'terminated' && preparing === 1) expect(terminated).toBe(1);
        }
      }),
      { numRuns: fuzzRuns(2_000) },
    );
  });

  it('changes nothing where its table has no cell, and counts it', () => {
    for (const name of Object.keys(transitions) as StateName[]) {
      const state = { name, record: recordFixture() } as KernelState;
      for (const type of [
        'create',
        'recovered',
        'written',
        'creation-done',
        'reverted',
        'retry',
        'pause-set',
      ] as EventType[]) {
        if (transitions[name][type]) continue;
        const result = reduce(state, { type } as LifecycleEvent, 1);
        expect(result.state).toBe(state);
        expect(result.effects.map(describeEffect)).toEqual([`count illegal-edge (${type} while ${name})`]);
      }
    }
  });
});
