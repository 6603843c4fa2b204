import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeAgent } from '../../../test/support/fake-agent.ts';
import { systemClock } from '../../lib/clock.ts';
import { newKernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { AbuseReports } from './abuse-reports.ts';

let folder: string;
let agent: FakeAgent;
let marked: unknown[];
let kernel: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-abuse-'));
  agent = await FakeAgent.start();
  marked = [];
  const request = { image: 'debian', environ: {}, mounts: [], publish: [], interpreter: 'lazy' } as const;
  kernel = (await agent.create(request, AbortSignal.timeout(1000))).id;
});
afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const reports = (ends: boolean): AbuseReports =>
  new AbuseReports({
    folder,
    agent,
    ends,
    mark: async (marks, over) => void marked.push([Object.fromEntries(marks), over]),
    clock: systemClock,
    log: silentLogger,
  });
const write = (name: string, content: unknown): Promise<void> =>
  writeFile(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
const files = async (): Promise<readonly string[]> =>
  (await readdir(folder)).filter((one) => one !== 'report.lock').sort();

it('marks kernels of this node as long as they are reported', async () => {
  const read = reports(false);
  await write('report.a.json', { ID: kernel, CID: 'c', reason: 'mining' });
  await write('report.b.json', { ID: newKernelId(), CID: 'c', reason: 'mining' });
  await read.round();
  await rm(path.join(folder, 'report.a.json'));
  await read.round();
  expect(marked).toEqual([
    [{ [kernel]: 'detected' }, []],
    [{}, [kernel]],
  ]);
  expect(await files()).toEqual(['report.b.json']);
  expect(await agent.list({ all: false })).toHaveLength(1);
});

it('ends them when it is configured to, and takes the report away', async () => {
  await write('report.a.json', { ID: kernel.toUpperCase(), CID: 'c', reason: 'mining' });
  await reports(true).round();
  expect(marked).toEqual([[{ [kernel]: 'cleaning' }, []]]);
  expect(await files()).toEqual([]);
  await expect.poll(() => agent.list({ all: false })).toEqual([]);
});

it('puts aside what is no report, and drops what nobody needs any more', async () => {
  await write('report.a.json', '{');
  await write('report.b.json', { ID: 'x' });
  await write('report.c.json', { ID: newKernelId() });
  const old = new Date(Date.now() - 25 * 3_600_000);
  await utimes(path.join(folder, 'report.c.json'), old, old);
  await write('other.json', '{');
  await reports(true).round();
  expect(await files()).toEqual(['other.json', 'report.a.json.unreadable', 'report.b.json.unreadable']);
});
