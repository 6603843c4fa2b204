import { globSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readArguments } from './parts.mjs';
import { countsOf } from './run-mutation.mjs';

describe('the mutants of a report', () => {
  const said: string[] = [];
  beforeEach(() => {
    vi.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    said.length = 0;
  });

  /** A file with so many mutants of each status. */
  const file = (statuses: Readonly<Record<string, number>>) => ({
    mutants: Object.entries(statuses).flatMap(([status, count]) =>
      Array.from({ length: count }, (_, line) => ({
        ...{ status, mutatorName: 'BooleanLiteral', replacement: '\n false', location: { start: { line } } },
      })),
    ),
  });

  it('are enough when a test notices four of five, those that run for ever among them', () => {
    const files = { 'src/a.ts': file({ Killed: 3, Ignored: 9 }), 'src/b.ts': file({ Timeout: 1, Survived: 1 }) };
    expect(countsOf(files)).toMatchObject({ passed: 4, skipped: 1, failed: 0, failures: [] });
    expect(said).toEqual([
      '4 of 5 mutants are noticed (80.0 %); these are not:',
      '  src/b.ts:0 Survived BooleanLiteral:  false',
    ]);
  });

  it('fail when too few are noticed, of which those that no test reaches are some', () => {
    const [failure] = countsOf({ 'src/a.ts': file({ Killed: 79, Survived: 20, NoCoverage: 1 }) }).failures;
    expect(failure?.message).toBe('the units notice 79.0 % of the mutants, 80 % are needed');
  });

  it('count as unnoticed when they end in an error, which says nothing of the tests', () => {
    expect(countsOf({ 'src/a.ts': file({ Killed: 4, RuntimeError: 1, Pending: 1 }) })).toMatchObject({
      ...{ passed: 4, skipped: 2, failed: 1 },
      failures: [{ message: 'the units notice 66.7 % of the mutants, 80 % are needed' }],
    });
    expect(said).toContain('  src/a.ts:0 RuntimeError BooleanLiteral:  false');
  });

  it('fail when there are none', () => {
    expect(countsOf({ 'src/a.ts': file({ Ignored: 2 }) })).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe('mutations', () => {
  const chosen = (...argv: readonly string[]) => readArguments(argv).chosen.filter(({ mutated }) => mutated);

  it('are parts of nightly runs, and of others when they are asked for', () => {
    expect([chosen(), chosen('--quick'), chosen('--part', 'unit')]).toEqual([[], [], []]);
    expect(chosen('--nightly').length).toBeGreaterThan(1);
    expect(chosen('--part', 'mutation')).toEqual(chosen('--nightly'));
    expect(readArguments(['--part', 'mutation-wire']).chosen.map(({ name }) => name)).toEqual(['mutation-wire']);
    expect(() => readArguments(['--part', 'mutat'])).toThrow('there is no part mutat');
  });

  it('of kernels are parts that take every source once', () => {
    const taken = chosen('--part', 'mutation-kernel').map(({ mutated }) => globSync(mutated?.sources ?? ''));
    expect(taken.length).toBeGreaterThan(4);
    expect(taken.flat().toSorted()).toEqual(globSync('src/kernel/**/*.ts').toSorted());
  });
});
