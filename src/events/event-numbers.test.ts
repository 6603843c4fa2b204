import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { nextNumber } from './event-numbers.ts';

vi.mock('../lib/atomic-file.ts', { spy: true });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'event-numbers-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const numberAfter = (last: number): Promise<number> =>
  nextNumber(folder, last, 100, (error) => {
    throw error;
  });

const noteAnotherStart = (from: number): void =>
  writeFileSync(join(folder, 'numbers.json'), JSON.stringify({ boot: 'another', from }));

it('goes on with the number after the last one while the machine runs on', async () => {
  expect(await numberAfter(0)).toBe(1);
  expect(await numberAfter(7)).toBe(8);
});

it('leaves out what may have been lost when the machine was started since, and no more when that is noted', async () => {
  noteAnotherStart(1);
  expect(await numberAfter(7)).toBe(108);
  // No event was written since.
  expect(await numberAfter(7)).toBe(108);
  expect(await numberAfter(110)).toBe(111);
});

it('goes on behind the numbers that were left out before, of which no event is there', async () => {
  noteAnotherStart(500);
  expect(await numberAfter(7)).toBe(600);
});

it('takes a note that cannot be read for none, and writes it anew', async () => {
  writeFileSync(join(folder, 'numbers.json'), '{');
  expect(await numberAfter(7)).toBe(8);
  expect(JSON.parse(readFileSync(join(folder, 'numbers.json'), 'utf8'))).toMatchObject({ from: 8 });
});

it('leaves out what may have been lost also when that cannot be noted, and tells of it', async () => {
  noteAnotherStart(1);
  const problems: unknown[] = [];
  vi.mocked(writeFileAtomic).mockRejectedValueOnce('full');
  expect(await nextNumber(folder, 7, 100, (error) => problems.push(error))).toBe(108);
  expect(problems).toEqual(['full']);
});
