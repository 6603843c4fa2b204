/**
 * A kernel's account: what it has used since its creation, over restarts of its container, whose counters begin at 0,
 * and over restarts of the agent, for which all accounts are in one file.
 */

import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';
import {
  listOfThose,
  nullable,
  number,
  object,
  oneOf,
  otherwise,
  type Reader,
  text,
  truth,
} from '../lib/json-reader.ts';
import type { Logger } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import { type ContainerCounters, type ContainerSample, counterFields, emptyCounters } from './container-sample.ts';
import { allKernelFigures, figuresShown, type PeakName, type UsageName } from './figures.ts';
import { type KeptOveruse, type Overuse, overuseKinds } from './overuse.ts';

/** The most that was ever seen; null = never seen. */
type Peaks = Readonly<Record<PeakName, number | null>>;

/** What is kept of a kernel: counters by container, and peaks. */
export interface Account extends Peaks {
  readonly kernelId: string;
  readonly containerId: string;
  /** Of its containers before this one. */
  readonly carried: ContainerCounters;
  /** Of this container, when last seen. */
  readonly last: ContainerCounters;
  /** Milliseconds since the epoch: the first sample and the last one. */
  readonly since: number;
  readonly at: number;
  /** As the file has it; a process that runs has it in its watch. */
  readonly overuse: readonly KeptOveruse[];
}

/** What a kernel has used since its creation; null = never known. */
export type KernelUsage = Readonly<Record<UsageName, number | null>> & {
  /** Milliseconds since the epoch: the first sample and the last one. */
  readonly since: number;
  readonly at: number;
  readonly overuse: readonly Overuse[];
};

const peaks = allKernelFigures.flatMap((row) =>
  row.type === 'peak' ? [{ name: row.name as PeakName, from: row.from }] : [],
);
const usageRows = figuresShown('usage');
const noPeaks = Object.fromEntries(peaks.map(({ name }) => [name, null])) as Peaks;

/** The account in the form for readers. */
export function usageOf(account: Account, overuse: readonly Overuse[]): KernelUsage {
  const used = totals(account);
  const figures = usageRows.map((row) => {
    if (row.type === 'counter') return [row.name, inUnit(used[row.from], row.per)];
    return [row.name, account[row.name as PeakName]];
  });
  const byName = Object.fromEntries(figures) as Readonly<Record<UsageName, number | null>>;
  return { since: account.since, at: account.at, ...byName, overuse };
}

/** Adds a sample that was taken at `now`, in milliseconds since the epoch. */
export function addSample(
  account: Account | undefined,
  { kernelId, containerId }: { readonly kernelId: string; readonly containerId: string },
  sample: ContainerSample,
  now: number,
): Account {
  const isSame = account?.containerId === containerId;
  const before = isSame ? account.last : emptyCounters;
  const carried: Record<keyof ContainerCounters, number | null> = {
    ...(isSame ? account.carried : account ? totals(account) : emptyCounters),
  };
  const last: Record<keyof ContainerCounters, number | null> = { ...before };
  for (const name of counterFields) {
    const [value, seen] = [sample[name], before[name]];
    if (value === null) continue;
    // A counter of one container that goes back was set to 0 by somebody.
    if (seen !== null && value < seen) carried[name] = sum(carried[name], seen);
    last[name] = value;
  }
  const { since = now, overuse = [] } = account ?? {};
  const next: Account & Record<PeakName, number | null> = {
    ...noPeaks,
    ...account,
    kernelId,
    containerId,
    carried,
    last,
    since,
    at: now,
    overuse,
  };
  for (const { name, from } of peaks) {
    for (const field of from) {
      const value = sample[field];
      if (value === null) continue;
      next[name] = Math.max(next[name] ?? value, value);
      break;
    }
  }
  return next;
}

/** What was used in all; null = never known. */
export function totals({ carried, last }: Pick<Account, 'carried' | 'last'>): ContainerCounters {
  const all: Record<keyof ContainerCounters, number | null> = { ...carried };
  for (const name of counterFields) all[name] = sum(carried[name], last[name]);
  return all;
}

/** A figure that is damaged, or that an older version did not keep, is not known. */
const figure = otherwise(nullable(number), null);
const seen = (of: <V>(name: string, read: Reader<V>) => V): Overuse => ({
  kind: of('kind', oneOf(overuseKinds)),
  count: of('count', number),
  firstAt: of('firstAt', number),
  lastAt: of('lastAt', number),
  detail: of('detail', text),
});
const keptOveruse: Reader<KeptOveruse> = object((of) => ({ ...seen(of), isOn: of('isOn', otherwise(truth, false)) }));
const counters: Reader<ContainerCounters> = object((of) => figuresBy(of, counterFields));

function figuresBy<Name extends string>(
  of: (name: string, read: Reader<number | null>) => number | null,
  names: readonly Name[],
): Readonly<Record<Name, number | null>> {
  return Object.fromEntries(names.map((name) => [name, of(name, figure)])) as Record<Name, number | null>;
}

/** Reads what `JSON.stringify` wrote of an account. */
export const readAccount: Reader<Account> = object((of) => ({
  kernelId: of('kernelId', text),
  containerId: of('containerId', text),
  carried: of('carried', counters),
  last: of('last', counters),
  ...figuresBy(
    of,
    peaks.map(({ name }) => name),
  ),
  since: of('since', number),
  at: of('at', number),
  overuse: of('overuse', otherwise(listOfThose(keptOveruse), [])),
}));

/** Reads the fields that `JSON.stringify` wrote of what a kernel has used. */
export const usageBy = (of: <V>(name: string, read: Reader<V>) => V): KernelUsage => ({
  since: of('since', number),
  at: of('at', number),
  ...figuresBy(
    of,
    usageRows.map(({ name }) => name as UsageName),
  ),
  overuse: of('overuse', otherwise(listOfThose(object(seen)), [])),
});

/** A counter of the sample in the figure's unit. */
export const inUnit = (value: number | null, per = 1): number | null => (value === null ? null : value / per);

const sum = (left: number | null, right: number | null): number | null =>
  left === null || right === null ? (left ?? right) : left + right;

const minPauseMs = 60_000;

/** An account that is damaged is left out, since the others are worth as much without it. */
const readAccounts = object((of) => of('accounts', listOfThose(readAccount)));

/**
 * `accounts.json` below the folder of statistics: written once a minute at most and at the end, and not synced, as a
 * minute's figures are not worth a wait for the disk.
 */
export class AccountFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #writtenAt: number;

  constructor(path: string, clock: Clock, log: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#writtenAt = clock.monotonic();
  }

  /** The accounts of an earlier process; none when there was no file, or, with a warning, when it can't be read. */
  async load(): Promise<readonly Account[]> {
    try {
      return readAccounts(JSON.parse(await readFile(this.#path, 'utf8')), 'accounts.json');
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) {
        this.#log.warn('the file of accounts cannot be read; counting begins anew', { path: this.#path, error });
      }
      return [];
    }
  }

  /** Writes the accounts unless the last time is less than a minute ago. */
  async maybeWrite(accounts: Iterable<Account>): Promise<void> {
    if (this.#clock.monotonic() - this.#writtenAt >= minPauseMs) await this.write(accounts);
  }

  /** Writes the accounts. A disk that does not take them is logged. */
  async write(accounts: Iterable<Account>): Promise<void> {
    this.#writtenAt = this.#clock.monotonic();
    try {
      await writeFileAtomic(this.#path, JSON.stringify({ version: 1, accounts: [...accounts] }), { durable: false });
    } catch (error) {
      this.#log.warn('the accounts could not be written', { path: this.#path, error });
    }
  }
}
