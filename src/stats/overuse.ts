/**
 * Over-use: what a kernel takes beyond, or up to, what it was given. Reported once when it begins, and for each kill
 * and each refusal, but of every kind once a minute at most. Pure.
 */
import { describeByteSize } from '../lib/byte-size.ts';
import type { ContainerCounters, ContainerSample } from './container-sample.ts';

/** What a kernel may take too much of, or be refused. */
export const overuseKinds = ['memory', 'out-of-memory', 'throttled', 'processes', 'disk'] as const;
export type OveruseKind = (typeof overuseKinds)[number];

/** What was seen of one kind since the kernel's creation. */
export interface Overuse {
  readonly kind: OveruseKind;
  /** Kills, refusals, or how often it began. */
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** One sentence for people, with the figures of the last time. */
  readonly detail: string;
}

/** What is kept of it beyond the agent's life. */
export interface KeptOveruse extends Overuse {
  /** Whether it lasts: when it is seen again, it has not begun again. */
  readonly isOn: boolean;
}

/** A sample with what it is compared with. */
export interface OveruseInput {
  readonly sample: ContainerSample;
  /** The counters at the sample before; all null at the first of a container. */
  readonly before: ContainerCounters;
  readonly scratchBytes: number | null;
  /** null: no limit. */
  readonly scratchLimitBytes: number | null;
  /** Whether its limited home takes no more. */
  readonly isDiskFull: boolean;
  /** Names of the processes that were killed for want of memory since the last call, where they are known. */
  readonly killed: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Share of a limit at which it counts as reached, and below which it no longer does. */
const high = 0.95;
const low = 0.85;
/** Share of the periods in which the limit on CPU time held processes back. */
const throttledShare = 0.5;
const minPeriods = 10;
const minReportPauseMs = 60_000;
const maxNames = 8;

interface Standing {
  readonly overuse: Overuse;
  readonly isOn: boolean;
  /** The count at the last report. */
  readonly reported: number;
  /** Milliseconds since the epoch. */
  readonly reportedAt: number;
}

/** What is known of one kernel's over-use. */
export class OveruseWatch {
  readonly #standing: Map<OveruseKind, Standing>;

  /** `kept`: what an earlier process has seen, and reported. */
  constructor(kept: readonly KeptOveruse[] = []) {
    this.#standing = new Map(
      kept.map(({ isOn, ...overuse }) => [
        overuse.kind,
        { overuse, isOn, reported: overuse.count, reportedAt: Number.NEGATIVE_INFINITY },
      ]),
    );
  }

  /** What is to be kept. */
  kept(): readonly KeptOveruse[] {
    return [...this.#standing.values()].map(({ overuse, isOn }) => ({ ...overuse, isOn }));
  }

  /** What was seen so far. */
  seen(): readonly Overuse[] {
    return [...this.#standing.values()].map(({ overuse }) => overuse);
  }

  /** Checks a sample; returns what is to be reported. */
  check(input: OveruseInput): readonly Overuse[] {
    const { sample, before, scratchBytes, scratchLimitBytes, now } = input;
    const { memoryBytes, memoryLimitBytes, processes, processesLimit } = sample;
    this.#level('memory', memoryBytes, memoryLimitBytes, now, 'of memory are in use');
    if (input.isDiskFull && scratchLimitBytes !== null) {
      this.#switch('disk', true, false, now, () => `disk full: limit ${describeByteSize(scratchLimitBytes)}`);
    } else {
      this.#level('disk', scratchBytes, scratchLimitBytes, now, 'are taken by its files');
    }
    this.#count('out-of-memory', grown(sample.outOfMemoryKills, before.outOfMemoryKills), now, killedText(input));
    const hits = grown(sample.processLimitHits, before.processLimitHits);
    this.#count('processes', hits, now, `no more than ${processesLimit} processes and threads were allowed`);
    // Where refusals are not counted, being at the limit is what can be seen.
    if (sample.processLimitHits === null && processes !== null && processesLimit !== null) {
      this.#switch(
        'processes',
        processes >= processesLimit,
        processes < processesLimit * low,
        now,
        () => `${processes} of ${processesLimit} processes and threads are there`,
      );
    }
    const share = throttling(sample, before);
    if (share !== null) {
      this.#switch(
        'throttled',
        share >= throttledShare,
        share < throttledShare / 2,
        now,
        () => `the limit on CPU time held it back in ${Math.round(share * 100)} % of the periods`,
      );
    }
    return this.#takeReports(now);
  }

  #level(kind: OveruseKind, used: number | null, limit: number | null, now: number, what: string): void {
    if (used === null || limit === null || limit <= 0) return;
    this.#switch(
      kind,
      used >= limit * high,
      used < limit * low,
      now,
      () => `${describeByteSize(used)} of ${describeByteSize(limit)} ${what}`,
    );
  }

  /** A state that begins and ends. */
  #switch(kind: OveruseKind, begins: boolean, ends: boolean, now: number, detail: () => string): void {
    const standing = this.#standing.get(kind);
    if (standing?.isOn) {
      if (ends) this.#standing.set(kind, { ...standing, isOn: false });
      else if (begins) {
        const overuse = { ...standing.overuse, lastAt: now, detail: detail() };
        this.#standing.set(kind, { ...standing, overuse });
      }
      return;
    }
    if (begins) this.#add(kind, 1, now, detail(), true);
  }

  /** Something that happens again and again, and neither begins nor ends: a kill, a refusal. */
  #count(kind: OveruseKind, more: number, now: number, detail: string): void {
    if (more > 0) this.#add(kind, more, now, detail, false);
  }

  #add(kind: OveruseKind, more: number, now: number, detail: string, isOn: boolean): void {
    const { overuse, reported = 0, reportedAt = -Infinity } = this.#standing.get(kind) ?? {};
    this.#standing.set(kind, {
      overuse: { kind, count: (overuse?.count ?? 0) + more, firstAt: overuse?.firstAt ?? now, lastAt: now, detail },
      isOn,
      reported,
      reportedAt,
    });
  }

  #takeReports(now: number): readonly Overuse[] {
    const reports: Overuse[] = [];
    for (const [kind, standing] of this.#standing) {
      const { overuse, reported, reportedAt } = standing;
      if (overuse.count === reported || now - reportedAt < minReportPauseMs) continue;
      reports.push(overuse);
      this.#standing.set(kind, { ...standing, reported: overuse.count, reportedAt: now });
    }
    return reports;
  }
}

/** By how much a counter grew; a new container's began at 0. */
function grown(now: number | null, before: number | null): number {
  return now === null ? 0 : Math.max(0, now - (before ?? 0));
}

function throttling(sample: ContainerSample, before: ContainerCounters): number | null {
  const periods = grown(sample.cpuPeriods, before.cpuPeriods);
  return periods < minPeriods ? null : grown(sample.throttledPeriods, before.throttledPeriods) / periods;
}

function killedText({ killed, sample }: OveruseInput): string {
  const at =
    sample.memoryLimitBytes === null
      ? 'its limit on memory'
      : `the limit of ${describeByteSize(sample.memoryLimitBytes)} of memory`;
  if (killed.length === 0) return `a process was killed at ${at}`;
  const names = [...new Set(killed)];
  const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : '';
  return `killed at ${at}: ${names.slice(0, maxNames).join(', ')}${more}`;
}
