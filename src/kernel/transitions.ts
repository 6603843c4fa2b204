/**
 * The transition table: for each stage and each command or fact, what is done about it. A pair that stands as
 * `illegal` cannot happen in a correct program; it changes nothing and is counted.
 *
 * ```
 *  new ─create─▶ creating ─ready─▶ running ◀─ready─ restarting
 *   │               │                │ │ ▲              │
 *   │               │                │ └─┴───restart────┤
 *   └──recovered────┴── any end ─────┴──────────────────┴─▶ terminating ─reverted─▶ terminated
 * ```
 */
import type { LifecycleEvent, Stage } from './lifecycle.ts';

/** What is done about an event; each is one handler of `reducer.ts`. */
export type Action =
  | 'illegal'
  /** Nothing: a hint that came late, or that the work under way sees for itself. */
  | 'ignore'
  | 'begin'
  | 'recover'
  | 'learn'
  | 'written'
  | 'write-failed'
  | 'commit'
  | 'creation-failed'
  | 'end'
  | 'join'
  | 'answer-destroyed'
  | 'renew'
  | 'join-restart'
  | 'refuse-restart'
  | 'handed-over'
  | 'continue-clean-up'
  | 'cleaned-up'
  | 'try-again'
  | 'died'
  | 'missing'
  | 'found'
  | 'gone'
  | 'stray'
  | 'correct';

type EventType = LifecycleEvent['type'];

/** The table. */
export const transitions: Readonly<Record<Stage, Readonly<Record<EventType, Action>>>> = {
  new: {
    create: 'begin',
    recovered: 'recover',
    destroy: 'illegal',
    restart: 'illegal',
    written: 'illegal',
    'write-failed': 'illegal',
    'step-applied': 'illegal',
    'creation-done': 'illegal',
    'creation-failed': 'illegal',
    reverted: 'illegal',
    retry: 'illegal',
    'container-died': 'ignore',
    'container-missing': 'ignore',
    'container-found': 'ignore',
    'container-gone': 'ignore',
    'placement-found': 'ignore',
    'engine-lost': 'ignore',
    'engine-back': 'ignore',
  },
  creating: {
    create: 'illegal',
    recovered: 'illegal',
    destroy: 'end',
    restart: 'refuse-restart',
    written: 'written',
    'write-failed': 'write-failed',
    'step-applied': 'learn',
    'creation-done': 'commit',
    'creation-failed': 'creation-failed',
    reverted: 'illegal',
    retry: 'illegal',
    'container-died': 'stray',
    'container-missing': 'ignore',
    'container-found': 'ignore',
    'container-gone': 'ignore',
    'placement-found': 'ignore',
    'engine-lost': 'ignore',
    'engine-back': 'ignore',
  },
  running: {
    create: 'illegal',
    recovered: 'illegal',
    destroy: 'end',
    restart: 'renew',
    written: 'written',
    'write-failed': 'write-failed',
    'step-applied': 'illegal',
    'creation-done': 'illegal',
    'creation-failed': 'illegal',
    reverted: 'illegal',
    retry: 'illegal',
    'container-died': 'died',
    'container-missing': 'missing',
    'container-found': 'found',
    'container-gone': 'gone',
    'placement-found': 'correct',
    'engine-lost': 'ignore',
    'engine-back': 'ignore',
  },
  restarting: {
    create: 'illegal',
    recovered: 'illegal',
    destroy: 'end',
    restart: 'join-restart',
    written: 'written',
    'write-failed': 'write-failed',
    'step-applied': 'learn',
    'creation-done': 'commit',
    'creation-failed': 'creation-failed',
    reverted: 'handed-over',
    retry: 'illegal',
    'container-died': 'stray',
    'container-missing': 'ignore',
    'container-found': 'ignore',
    'container-gone': 'ignore',
    'placement-found': 'ignore',
    'engine-lost': 'ignore',
    'engine-back': 'ignore',
  },
  terminating: {
    create: 'illegal',
    recovered: 'illegal',
    destroy: 'join',
    restart: 'refuse-restart',
    written: 'illegal',
    'write-failed': 'illegal',
    'step-applied': 'learn',
    'creation-done': 'continue-clean-up',
    'creation-failed': 'continue-clean-up',
    reverted: 'cleaned-up',
    retry: 'try-again',
    'container-died': 'stray',
    'container-missing': 'ignore',
    'container-found': 'ignore',
    'container-gone': 'ignore',
    'placement-found': 'ignore',
    'engine-lost': 'ignore',
    'engine-back': 'try-again',
  },
  terminated: {
    create: 'illegal',
    recovered: 'illegal',
    destroy: 'answer-destroyed',
    restart: 'refuse-restart',
    written: 'illegal',
    'write-failed': 'illegal',
    'step-applied': 'illegal',
    'creation-done': 'illegal',
    'creation-failed': 'illegal',
    reverted: 'illegal',
    retry: 'ignore',
    'container-died': 'stray',
    'container-missing': 'ignore',
    'container-found': 'ignore',
    'container-gone': 'ignore',
    'placement-found': 'ignore',
    'engine-lost': 'ignore',
    'engine-back': 'ignore',
  },
};
