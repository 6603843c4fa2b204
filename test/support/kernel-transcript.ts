/**
 * Lifecycles of a kernel as text, one line for each event: `destroy user-requested → cleaning-up: write, revert kernel`.
 * Left of the arrow stands the event with its words, right of it the state that it led to and the effects, in order. A
 * line may also set the clock (`at 30000`) or show the record (`record`).
 */

import { type ContainerEndReason, type KernelRecord, noPlacement, type Restarts } from '../../src/kernel/record.ts';
import type {
  ContainerObservation,
  Effect,
  EventOf,
  KernelState,
  LifecycleEvent,
  RevertFailure,
} from '../../src/kernel/state-machine.ts';
import { reduce } from '../../src/kernel/transitions.ts';
import { type ErrorCode, errorCodes } from '../../src/lib/error-codes.ts';
import { KerneletError } from '../../src/lib/errors.ts';
import { asContainerId } from '../../src/lib/ids.ts';

/** What failing steps, writes and commands of a transcript carry. */
export const transcriptError = new KerneletError('ENGINE_FAILED', 'the engine said no');

/** Words after an event: `container-died c1 generation=1 exit=137 out-of-memory`. */
class Words {
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  /** The first word that is neither a flag nor `name=value`. */
  get subject(): string {
    return this.#words.find((word) => !word.includes('=')) ?? '';
  }

  has(flag: string): boolean {
    return this.#words.includes(flag);
  }

  number(name: string, otherwise: number): number {
    const word = this.#words.find((one) => one.startsWith(`${name}=`));
    return word === undefined ? otherwise : Number(word.slice(name.length + 1));
  }

  /** Every `name=value`. */
  get pairs(): readonly (readonly [string, string])[] {
    return this.#words.filter((word) => word.includes('=')).map((word) => word.split('=', 2) as [string, string]);
  }

  rest(): readonly string[] {
    return this.#words;
  }
}

const outsideReasons = ['out-of-memory', 'engine-restart', 'node-reboot'] as const;
const reasonOf = (words: Words): ContainerEndReason =>
  outsideReasons.find((reason) => words.has(reason)) ?? 'self-terminated';

const observations: Readonly<Record<string, (words: Words) => ContainerObservation>> = {
  alive: (words) => ({ type: 'alive', containerId: asContainerId('c1'), isPaused: words.has('paused') }),
  dead: (words) => ({
    type: 'dead',
    exitCode: words.number('exit', 0),
    reason: reasonOf(words),
    detail: 'it ended',
    isToRestart: words.has('restarts'),
  }),
  removed: () => ({ type: 'removed' }),
  absent: () => ({ type: 'absent' }),
};

function observed(words: Words): ContainerObservation {
  const make = observations[words.subject];
  if (!make) throw new Error(`no such observation: ${words.subject}`);
  return make(words);
}

const sighting = (words: Words) => ({
  containerId: asContainerId(words.subject),
  generation: words.number('generation', 1),
  detail: 'it ended',
});

/** `container:busy` failed with ENGINE_FAILED, `container:ENGINE_CHANGED` with that code. */
function revertFailure(word: string): RevertFailure {
  const [step = '', message = ''] = word.split(':');
  return { step, code: message in errorCodes ? (message as ErrorCode) : 'ENGINE_FAILED', message };
}

/** `creation-failed container ENGINE_UNAVAILABLE` failed with that code. */
const stepError = (code: string | undefined): KerneletError =>
  code === undefined ? transcriptError : new KerneletError(code as ErrorCode, 'the engine is away');

type Parsers = { readonly [Type in LifecycleEvent['type']]: (words: Words) => EventOf<Type> };

const parsers: Parsers = {
  create: () => ({ type: 'create' }),
  destroy: (words) => ({
    type: 'destroy',
    reason: words.subject,
    force: words.has('force'),
    detail: 'asked for',
    error: transcriptError,
  }),
  restart: (words) => ({ type: 'restart', environ: words.pairs }),
  recovered: (words) => ({
    type: 'recovered',
    observation: observed(words),
    terminationPublished: words.has('published'),
  }),
  written: () => ({ type: 'written' }),
  'write-failed': () => ({ type: 'write-failed', error: transcriptError }),
  'step-applied': (words) => ({
    type: 'step-applied',
    step: words.subject,
    ms: 3,
    change: words.subject === 'container' ? { containerId: asContainerId(words.rest()[1] ?? '') } : {},
  }),
  'creation-done': () => ({ type: 'creation-done' }),
  'creation-failed': (words) => ({ type: 'creation-failed', step: words.subject, error: stepError(words.rest()[1]) }),
  reverted: (words) => ({ type: 'reverted', failures: words.rest().map(revertFailure) }),
  retry: () => ({ type: 'retry' }),
  'container-died': (words) => ({
    type: 'container-died',
    ...sighting(words),
    exitCode: words.number('exit', 0),
    reason: reasonOf(words),
    isToRestart: words.has('restarts'),
  }),
  'container-missing': (words) => ({ type: 'container-missing', ...sighting(words) }),
  // Unless it is stale the record says of pauses what it said when the engine was asked.
  'container-found': (words) => ({
    type: 'container-found',
    containerId: asContainerId(words.subject),
    isPaused: words.has('paused'),
    before: words.has('stale') ? { since: 0, by: 'request', confirmed: false } : null,
  }),
  pause: (words) => ({ type: 'pause', by: words.has('idle') ? 'idle' : 'request' }),
  resume: () => ({ type: 'resume' }),
  'pause-set': (words) => ({
    type: 'pause-set',
    isPaused: !words.has('running'),
    error: words.has('failed') ? transcriptError : null,
  }),
  'container-gone': (words) => ({ type: 'container-gone', ...sighting(words) }),
  'placement-found': (words) => ({
    type: 'placement-found',
    containerId: asContainerId(words.subject),
    placement: { ...noPlacement, cpuset: String(words.number('cpuset', 0)) },
  }),
  'engine-back': () => ({ type: 'engine-back' }),
};

/** An event from its line, as it comes to a kernel with this record. Throws when there is no event of that name. */
export function parseEvent(line: string, { paused }: Pick<KernelRecord, 'paused'> = { paused: null }): LifecycleEvent {
  const [name = '', ...words] = line.trim().split(/\s+/);
  const parser = (parsers as Readonly<Record<string, (words: Words) => LifecycleEvent>>)[name];
  if (!parser) throw new Error(`no such event: ${line}`);
  const event = parser(new Words(words));
  return event.type === 'container-found' && event.before === null ? { ...event, before: paused } : event;
}

type Writers = { readonly [Type in Effect['type']]: (effect: Extract<Effect, { readonly type: Type }>) => string };

const writers: Writers = {
  write: ({ essential }) => (essential ? 'write and wait' : 'write'),
  publish: ({ event }) =>
    event.type === 'kernel-terminated'
      ? `publish ${event.type} (${event.reason}, exit ${event.exitCode})`
      : `publish ${event.type}${event.type === 'kernel-started' && event.restarted ? ' (again)' : ''}`,
  'start-creation': ({ scope }) => `create ${scope}`,
  'cancel-creation': () => 'cancel creation',
  'start-revert': ({ scope, grace }) => `revert ${scope}${grace ? ' with grace' : ''}`,
  'skip-grace': () => 'skip grace',
  'open-runner': () => 'open runner',
  'set-paused': ({ isPaused }) => (isPaused ? 'pause container' : 'resume container'),
  'suspend-runner': ({ isSuspended }) => (isSuspended ? 'suspend runner' : 'expect runner'),
  'schedule-retry': ({ delayMs }) => `retry in ${delayMs} ms`,
  'remove-orphan': ({ containerId }) => `remove ${containerId}`,
  'remove-record': () => 'remove record',
  settle: ({ answer, error }) => (error ? `fail ${answer} (${error.code})` : `answer ${answer}`),
  ended: () => 'ended',
  count: ({ invariantViolation, detail }) => `count ${invariantViolation} (${detail})`,
};

/** An effect in a few words. */
export function describeEffect(effect: Effect): string {
  return (writers[effect.type] as (effect: Effect) => string)(effect);
}

function describeRestarts({ count, reason, detail, at, tries }: Restarts): string {
  return `restart ${count}, try ${tries}, by ${reason} at ${at}: ${detail}`;
}

function describeRecord({ record }: KernelState): string {
  const { phase, generation, containerId, missingSince, paused, termination, restarts, timings, spec, placement } =
    record;
  const facts = [
    `generation ${generation}`,
    containerId ?? 'no container',
    ...(missingSince === null ? [] : [`missing since ${missingSince}`]),
    ...(paused ? [`paused by ${paused.by} at ${paused.since}${paused.confirmed ? '' : ', unconfirmed'}`] : []),
    ...(termination ? [`${termination.reason} at ${termination.at}: ${termination.detail}`] : []),
    ...(restarts ? [describeRestarts(restarts)] : []),
    ...timings.map(({ step, ms }) => `${step} ${ms} ms`),
    ...spec.environ.map(([name, value]) => `${name}=${value}`),
    ...(placement.cpuset === null ? [] : [`cpuset ${placement.cpuset}`]),
  ];
  return `${phase}, ${facts.join(', ')}`;
}

/** A transcript of a file: its title is the line that begins with `#`. */
export interface Transcript {
  readonly title: string;
  /** What it begins from, as its first line says: `from running`. */
  readonly start: string;
  readonly text: string;
}

/** The transcripts of a file, which stand apart by an empty line. */
export function parseTranscripts(content: string): readonly Transcript[] {
  return content
    .trim()
    .split(/\n{2,}/)
    .map((section) => {
      const [title = '', start = '', ...lines] = section.split('\n');
      return { title: title.replace('# ', ''), start: start.replace('from ', ''), text: lines.join('\n') };
    });
}

/** Runs the left sides of a transcript's lines and writes what really follows, in the same form. */
export function runTranscript(
  start: KernelState,
  text: string,
): { readonly text: string; readonly state: KernelState } {
  let state = start;
  let now = 5_000;
  const lines = text.split('\n').map((line) => {
    const [left = ''] = line.split('→');
    const command = left.trim();
    if (command.startsWith('at ')) {
      now = Number(command.slice(3));
      return command;
    }
    if (command === 'record') return `${command} → ${describeRecord(state)}`;
    const reduction = reduce(state, parseEvent(command, state.record), now);
    state = reduction.state;
    const effects = reduction.effects.map(describeEffect).join(', ');
    return `${command} → ${state.name}${effects === '' ? '' : `: ${effects}`}`;
  });
  return { text: lines.join('\n'), state };
}
