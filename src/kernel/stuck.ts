/** Why a kernel is stuck, for people: what is waited for, since when, and what comes next. Pure. */
import { describeDuration } from '../lib/duration.ts';
import type { KernelPhase, KernelRecord } from './record.ts';

/** What a kernel is stuck for. */
export interface Stuck {
  /** One sentence, in which a failure of others may be quoted, without secrets. */
  readonly why: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** One sentence: what the agent does next, or what somebody may do. */
  readonly next: string;
}

/** Work on a kernel that has failed and is tried again. */
export interface FailedTry {
  readonly why: string;
  /** Of the first failure; of both, milliseconds since the epoch. */
  readonly since: number;
  /** When it is tried again, or was. */
  readonly nextAt: number;
}

/** Work on a kernel that goes on, each in milliseconds since the epoch. */
export interface Work {
  /** A step of its creation, or the writing of its record, in a word or a few. */
  readonly what: string;
  readonly since: number;
  /** When it is given up. */
  readonly until: number;
}

/** What is known beside the record. */
export interface StuckFacts {
  /** What a kernel that is in transition waits for; null of one that is not. */
  readonly work: Work | null;
  readonly failedTry: FailedTry | null;
  readonly unreachableSince: number | null;
  readonly missingGraceMs: number;
  readonly now: number;
}

/** Work that takes longer is told of. */
const slowMs = 10_000;

/** What has not got on in each phase, and what becomes of it when the work is given up. A kernel that runs is in transition while that is recorded. */
const transitionWords: Readonly<Record<KernelPhase, readonly [subject: string, then: string]>> = {
  creating: ['its creation', 'it is undone'],
  running: ['its start', 'it is undone'],
  restarting: ['the replacement of its container', 'it is tried again, or the kernel ends'],
  terminating: ['the removal of what is left of it', 'it is tried again'],
  terminated: ['the removal of what is left of it', 'the next start of the daemon does it'],
};

function slowWork(phase: KernelPhase, { what, since, until }: Work, now: number): Stuck {
  const [subject, then] = transitionWords[phase];
  const when = until > now ? `is given up in ${describeDuration(until - now)}` : 'is being given up';
  return { why: `${subject} has not got past “${what}” yet`, since, next: `that ${when}, and ${then}` };
}

/** What the kernel is stuck for; null: it is not. A container that is missing counts before its runner, which may be gone with it. */
export function stuckOf(
  { phase, missingSince, unrecordedSince, paused, spec: { id } }: KernelRecord,
  { work, failedTry, unreachableSince, missingGraceMs, now }: StuckFacts,
): Stuck | null {
  if (work !== null && failedTry === null && now - work.since >= slowMs) return slowWork(phase, work, now);
  if (failedTry !== null) {
    const { why, since, nextAt } = failedTry;
    const next = nextAt > now ? `it is tried again in ${describeDuration(nextAt - now)}` : 'it is being tried again';
    const work =
      phase === 'restarting' ? 'its container could not be replaced' : 'what is left of it could not be removed';
    return { why: `${work}: ${why}`, since, next };
  }
  if (phase !== 'running') return null;
  if (missingSince !== null) {
    const next = `it ends when its container stays away for ${describeDuration(missingGraceMs)} and its runner does not answer`;
    return { why: 'the engine does not list its container', since: missingSince, next };
  }
  if (unreachableSince !== null && !paused?.confirmed) {
    return {
      why: 'its runner does not answer: it is stopped or stuck',
      since: unreachableSince,
      next: `it is used on when its runner answers; \`kernelet rm --force ${id}\` ends it`,
    };
  }
  if (unrecordedSince === null) return null;
  return {
    why: 'neither its record nor the copy of it could be read: no more is known of it than its container tells',
    since: unrecordedSince,
    next: `it runs on and cannot be restarted; \`kernelet rm ${id}\` ends it and keeps its files for a while`,
  };
}
