import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger } from '../lib/log.ts';
import { addSample } from './account.ts';
import { AccountFile } from './account-file.ts';
import { emptySample } from './container-sample.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-accounts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const accountOf = (kernelId: string) =>
  addSample(undefined, { kernelId, containerId: 'c' }, { ...emptySample, cpuMicroseconds: 5 }, 1);

describe('the file of accounts', () => {
  it('is written once a minute at most, and read back', async () => {
    const clock = new FakeClock();
    const file = new AccountFile(path.join(folder, 'accounts.json'), clock, silentLogger);
    expect(await file.load()).toEqual([]);
    await file.maybeWrite([accountOf('a')]);
    expect(await readdir(folder)).toEqual([]);
    await clock.advance(60_000);
    await file.maybeWrite([accountOf('a'), accountOf('b')]);
    await file.maybeWrite([accountOf('c')]);
    expect(await file.load()).toEqual([accountOf('a'), accountOf('b')]);
    await file.write([]);
    expect(await file.load()).toEqual([]);
  });

  it.each(['', '{', '[]', '{"accounts":5}', '\0'])('that holds %j begins anew', async (text) => {
    const place = path.join(folder, 'accounts.json');
    await writeFile(place, text);
    expect(await new AccountFile(place, new FakeClock(), silentLogger).load()).toEqual([]);
  });

  it('keeps what can be read of it', async () => {
    const place = path.join(folder, 'accounts.json');
    await writeFile(place, JSON.stringify({ version: 1, accounts: [5, accountOf('a'), { kernelId: 'x' }] }));
    expect(await new AccountFile(place, new FakeClock(), silentLogger).load()).toEqual([accountOf('a')]);
  });
});
