import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/log.ts';
import { addSample, usageOf } from './account.ts';
import { emptySample } from './container-sample.ts';
import { FinalRecords } from './final-records.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-accounts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const accountOf = (kernelId: string) =>
  addSample(undefined, { kernelId, containerId: 'c' }, { ...emptySample, cpuMicroseconds: 5 }, 1);

describe('the final records', () => {
  const record = (kernelId: string) => ({
    kernelId,
    sessionId: null,
    reason: 'self-terminated',
    endedAt: 9,
    ...usageOf(accountOf(kernelId), []),
  });

  it('are kept in order, those before a full file for one file longer', async () => {
    const place = path.join(folder, 'ended.jsonl');
    const records = new FinalRecords(place, silentLogger, { maxBytes: 600 });
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      records.add(record(id));
      await records.flushed();
    }
    expect((await readdir(folder)).sort()).toEqual(['ended.jsonl', 'ended.older.jsonl']);
    const kept = (await records.all()).map(({ kernelId }) => kernelId);
    expect(['a', 'b', 'c', 'd', 'e'].slice(-kept.length)).toEqual(kept);
    expect(kept.length).toBeGreaterThan(2);
    expect((await readFile(place)).length).toBeLessThan(1200);
  });

  it('are written together where many end at once, and no more wait than the bound', async () => {
    const records = new FinalRecords(path.join(folder, 'ended.jsonl'), silentLogger);
    const ids = Array.from({ length: 10_003 }, (_, index) => String(index));
    for (const id of ids) records.add(record(id));
    expect(records.waiting).toBe(10_000);
    expect((await records.all()).map(({ kernelId }) => kernelId)).toEqual(ids.slice(0, 10_000));
    expect(records.waiting).toBe(0);
  });

  it('pass over what is torn, and begin a line of their own after it', async () => {
    const place = path.join(folder, 'ended.jsonl');
    await appendFile(place, `${JSON.stringify(record('a'))}\n{"kernelId":"torn`);
    const records = new FinalRecords(place, silentLogger);
    records.add(record('b'));
    expect(await records.all()).toEqual([record('a'), record('b')]);
  });
});
