import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { JsonFormError } from '../lib/json-reader.ts';
import { silentLogger } from '../lib/log.ts';
import { type Account, AccountFile, addSample, readAccount, totals, usageOf } from './account.ts';
import { type ContainerSample, emptySample } from './container-sample.ts';

const of = (containerId: string) => ({ kernelId: 'k', containerId });
const sample = (figures: Partial<ContainerSample>): ContainerSample => ({ ...emptySample, ...figures });
const cpu = (account: Account | undefined): number | null => (account ? totals(account).cpuMicroseconds : null);
const parse = (value: unknown): Account => readAccount(value, 'the account');

describe('an account', () => {
  it('adds up the containers of a kernel', () => {
    let account = addSample(undefined, of('a'), sample({ cpuMicroseconds: 5, receivedBytes: 7 }), 100);
    account = addSample(account, of('a'), sample({ cpuMicroseconds: 8, receivedBytes: 7 }), 200);
    account = addSample(account, of('b'), sample({ cpuMicroseconds: 1, receivedBytes: 2 }), 300);
    expect(totals(account)).toMatchObject({ cpuMicroseconds: 9, receivedBytes: 9, readBytes: null });
    expect(account).toMatchObject({ since: 100, at: 300, containerId: 'b' });
  });

  it('goes on where a counter was set back, and stands where one is not known', () => {
    let account = addSample(undefined, of('a'), sample({ cpuMicroseconds: 5 }), 0);
    account = addSample(account, of('a'), sample({ cpuMicroseconds: null }), 0);
    expect(cpu(account)).toBe(5);
    account = addSample(account, of('a'), sample({ cpuMicroseconds: 2 }), 0);
    expect(cpu(account)).toBe(7);
  });

  it('keeps the peaks of all containers', () => {
    let account = addSample(undefined, of('a'), sample({ memoryPeakBytes: 9, processes: 3, scratchBytes: 50 }), 0);
    account = addSample(account, of('b'), sample({ memoryBytes: 4, processes: 8 }), 0);
    expect(usageOf(account, [])).toMatchObject({ memoryPeakBytes: 9, processesPeak: 8, scratchPeakBytes: 50 });
  });

  it('never shrinks, and equals what the containers counted, over any containers and restarts of the agent', () => {
    const step = fc.record({ grown: fc.nat(1000), next: fc.boolean(), reload: fc.boolean(), seen: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let [account, container, counter, lost, before]: [Account | undefined, number, number, number, number] = [
          undefined,
          0,
          0,
          0,
          0,
        ];
        let counted = 0;
        for (const { grown, next, reload, seen } of steps) {
          if (next) {
            // What a container used after the last look is lost with it.
            counted -= lost;
            [container, counter, lost] = [container + 1, 0, 0];
          }
          counter += grown;
          counted += grown;
          lost += grown;
          if (seen) {
            account = addSample(account, of(String(container)), sample({ cpuMicroseconds: counter }), 0);
            lost = 0;
            expect(cpu(account)).toBe(counted);
            expect(cpu(account)).toBeGreaterThanOrEqual(before);
            before = cpu(account) ?? 0;
          }
          if (reload && account) account = parse(JSON.parse(JSON.stringify(account)));
        }
      }),
    );
  });

  it('is read from what it was written as, and from nothing else', () => {
    const account = addSample(
      undefined,
      of('a'),
      sample({ cpuMicroseconds: 5, memoryPeakBytes: 3, scratchBytes: 4 }),
      100,
    );
    expect(parse(JSON.parse(JSON.stringify(account)))).toEqual(account);
    for (const other of [
      null,
      1,
      'x',
      [],
      {},
      { ...account, carried: 3 },
      { ...account, since: 'then' },
      { ...account, kernelId: 5 },
    ]) {
      expect(() => parse(other)).toThrow(JsonFormError);
    }
    const seen = { kind: 'disk', count: 2, firstAt: 1, lastAt: 2, detail: 'full', isOn: true };
    const wrong = [null, { ...seen, kind: 'x' }, { ...seen, count: '2' }, { ...seen, detail: 1 }];
    expect(parse({ ...account, overuse: [...wrong, seen] }).overuse).toEqual([seen]);
    expect(parse({ ...account, overuse: undefined }).overuse).toEqual([]);
    const damaged = { ...account, last: { ...account.last, cpuMicroseconds: -1, readBytes: 'many' } };
    expect(parse(damaged).last).toMatchObject({ cpuMicroseconds: null, readBytes: null });
  });
});

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
