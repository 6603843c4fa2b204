import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOfSources, EarlierOutcomes, type PartOutcome } from './earlier-outcomes.mjs';

let cwd = '';
const git = (...args: readonly string[]): void => {
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd, stdio: 'ignore' });
};

beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'outcomes-'));
  await writeFile(path.join(cwd, '.gitignore'), '.cache/\n');
  git('init');
  git('add', '.');
  git('commit', '-m', 'first');
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

const outcomeOf = (name: string, passed: number, failed: number): PartOutcome => ({
  ...{ name, passed, failed },
  ...{ minutes: 1, skipped: 0 },
});

const opened = async (depth: string): Promise<EarlierOutcomes> => {
  const outcomes = new EarlierOutcomes({ depth, cwd });
  await outcomes.load();
  return outcomes;
};

describe('outcomes of an earlier run of the tests', () => {
  it('are taken for parts that passed, at the same depth only', async () => {
    const first = await opened('nightly');
    first.keep(outcomeOf('unit', 3, 0));
    first.keep(outcomeOf('member', 3, 1));
    first.keep(outcomeOf('cluster', 0, 0));
    const then = await opened('nightly');
    expect(then.passed('unit')).toMatchObject({ name: 'unit', passed: 3 });
    expect(['member', 'cluster', 'integration'].map((name) => then.passed(name))).toEqual([null, null, null]);
    expect((await opened('full')).passed('unit')).toBeNull();
  });

  it('are kept of parts that end at the same time', async () => {
    const first = await opened('full');
    const names = ['unit', 'member', 'cluster', 'e2e'];
    await Promise.all(names.map(async (name) => first.keep(outcomeOf(name, 1, 0))));
    const then = await opened('full');
    expect(names.filter((name) => then.passed(name))).toEqual(names);
  });

  it('are not kept of sources that are no checkout', async () => {
    await rm(path.join(cwd, '.git'), { recursive: true });
    const outcomes = await opened('full');
    outcomes.keep(outcomeOf('unit', 3, 0));
    expect([outcomes.isKept, (await opened('full')).passed('unit')]).toEqual([false, null]);
  });

  it('are forgotten when a source has changed, is new or was committed', async () => {
    const seen = new Set([digestOfSources(cwd)]);
    (await opened('full')).keep(outcomeOf('unit', 3, 0));
    await writeFile(path.join(cwd, 'new.txt'), 'new');
    seen.add(digestOfSources(cwd));
    expect((await opened('full')).passed('unit')).toBeNull();
    await writeFile(path.join(cwd, 'new.txt'), 'newer');
    seen.add(digestOfSources(cwd));
    await writeFile(path.join(cwd, '.gitignore'), '.cache/\nother/\n');
    seen.add(digestOfSources(cwd));
    git('add', '.');
    git('commit', '-m', 'second');
    seen.add(digestOfSources(cwd));
    expect(seen.size).toBe(5);
  });
});
