/** What `kernelet stats` says of real kernels, beside what is known of what they do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeUnderTest } from '../support/node-under-test.ts';

interface Figures {
  readonly id: string;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  readonly memoryLimitBytes: number;
  readonly processes: number;
  readonly outOfMemoryKills: number;
}

const mebibyte = 2 ** 20;
let node: NodeUnderTest;
let id: string;
let idle: string;

beforeAll(async () => {
  node = await NodeUnderTest.started();
  id = await node.create('--image', 'kernelet/python', '--mem', '256m', '--network', 'none');
  idle = await node.create('--image', 'kernelet/python', '--mem', '128m', '--network', 'none');
}, 120_000);
afterAll(() => node?.[Symbol.asyncDispose](), 60_000);

async function all(): Promise<readonly Figures[]> {
  const { status, text } = await node.run(['stats', '--json']);
  expect(status).toBe(0);
  return JSON.parse(text) as readonly Figures[];
}
async function figures(of = id): Promise<Figures> {
  const found = (await all()).find((kernel) => kernel.id === of);
  if (!found) throw new Error(`no figures of ${of}`);
  return found;
}
const exec = async (code: string): Promise<string> => (await node.run(['exec', id, '-c', code])).text;

describe('the figures of a kernel', () => {
  it('count the processor time that its programs use, and not that of others', async () => {
    const [before, others] = [await figures(), await figures(idle)];
    const used = Number(
      await exec(
        'import time; a = time.process_time()\nwhile time.process_time() - a < 0.6: pass\ntime.process_time() - a',
      ),
    );
    const grown = (await figures()).cpuSeconds - before.cpuSeconds;
    expect(grown).toBeGreaterThan(used);
    expect(grown).toBeLessThan(used + 1);
    expect((await figures(idle)).cpuSeconds - others.cpuSeconds).toBeLessThan(0.3);
  });

  it('follow its memory up and down again, and keep the peak and the limit', async () => {
    const before = await figures();
    expect(before.memoryLimitBytes).toBe(256 * mebibyte);
    await exec(`x = bytearray(100 * ${mebibyte})`);
    const full = await figures();
    expect(full.memoryBytes - before.memoryBytes).toBeGreaterThan(95 * mebibyte);
    expect(full.memoryBytes - before.memoryBytes).toBeLessThan(110 * mebibyte);
    await exec('del x');
    const after = await figures();
    expect(after.memoryBytes).toBeLessThan(before.memoryBytes + 10 * mebibyte);
    expect(after.memoryPeakBytes).toBeGreaterThanOrEqual(full.memoryBytes);
  });

  it('leave out the page cache that can be dropped', async () => {
    const before = await figures();
    await exec(`_ = open("file", "wb").write(bytes(50 * ${mebibyte}))`);
    const after = await figures();
    expect(after.memoryBytes - before.memoryBytes).toBeLessThan(20 * mebibyte);
    await exec('import os; os.remove("file")');
  });

  it('count its processes', async () => {
    const before = await figures();
    await exec('import subprocess; children = [subprocess.Popen(["sleep", "60"]) for _ in range(5)]');
    expect((await figures()).processes).toBe(before.processes + 5);
    await exec('for child in children: child.kill(); _ = child.wait()');
    expect((await figures()).processes).toBe(before.processes);
  });

  it('count kills for want of memory', async () => {
    expect((await figures()).outOfMemoryKills).toBe(0);
    const killed = await node.run(['exec', id, '-c', `x = bytearray(400 * ${mebibyte})`]);
    expect([killed.status, killed.stderr]).toEqual([137, expect.stringContaining('memory limit of 256m')]);
    expect((await figures()).outOfMemoryKills).toBe(1);
    expect((await figures(idle)).outOfMemoryKills).toBe(0);
  });

  it('are those of live kernels only, also as a table', async () => {
    const extra = await node.create('--image', 'kernelet/shell', '--network', 'none');
    expect((await all()).map((kernel) => kernel.id).sort()).toEqual([id, idle, extra].sort());
    const { text } = await node.run(['stats']);
    expect(text.split('\n')[0]).toMatch(
      /^ID +CPU TIME +CORES +MEMORY +PEAK +LIMIT +PROCESSES +READ +WRITTEN +RECEIVED +SENT +SCRATCH +OOM$/,
    );
    await node.run(['rm', '-f', extra]);
    expect((await all()).map((kernel) => kernel.id).sort()).toEqual([id, idle].sort());
  });
});
