import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newKernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { StateWrites } from '../../lib/state-writes.ts';
import { SuppressedTerminations } from './suppressed-terminations.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-suppressed-'));
});
afterEach(async () => await rm(folder, { recursive: true }));
const open = (): Promise<SuppressedTerminations> =>
  SuppressedTerminations.open({ path: folder, writes: new StateWrites() }, silentLogger);

it('a suppressed termination stays suppressed over a restart of the agent, until it has come', async () => {
  const [one, other, gone] = [newKernelId(), newKernelId(), newKernelId()];
  const before = await open();
  const written = Promise.all([one, other, gone].map((kernel) => before.add(kernel)));
  expect(before.has(one)).toBe(true);
  await written;
  before.delete(other);
  await expect.poll(async () => (await open()).size).toBe(2);
  const after = await open();
  expect([after.has(one), after.has(other)]).toEqual([true, false]);
  after.keepOnly(new Set([one]));
  expect(after.size).toBe(1);
  await expect.poll(async () => (await open()).has(gone)).toBe(false);
});

it('a suppressed termination is in force also when it cannot be persisted', async () => {
  const said: string[] = [];
  const all = new Map<string, Record<string, never>>();
  const notes = {
    all,
    put: async (name: string) => {
      all.set(name, {});
      throw new Error('no space left');
    },
    remove: async () => {},
  };
  const marks = new SuppressedTerminations(notes, { ...silentLogger, error: (text) => void said.push(text) });
  const kernel = newKernelId();
  await marks.add(kernel);
  expect([marks.has(kernel), said.length]).toEqual([true, 1]);
});
