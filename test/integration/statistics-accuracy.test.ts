/** Statistics of real kernels beside what is known of what they do: within 2 %, and 5 % for rates. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelStats } from '../../src/agent/agent.ts';
import { callApi } from '../support/local-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const run = promisify(execFile);
const mebibyte = 2 ** 20;
let node: NodeUnderTest;
let id: string;

beforeAll(async () => {
  node = await NodeUnderTest.started({ configuration: '[metrics]\nperiod = "1s"\n' });
  // A part of a core that also a busy machine has left, so that it is the limit that decides on the share.
  id = await node.create('--image', 'kernelet/python', '--mem', '512m', '--cpus', '0.5');
  // The interpreter and its first run are there before anything is measured.
  await exec('1');
}, 120_000);
afterAll(() => node?.[Symbol.asyncDispose](), 60_000);

const exec = async (code: string): Promise<string> => {
  const { status, text, stderr } = await node.run(['exec', id, '-c', code]);
  if (status !== 0) throw new Error(stderr);
  return text;
};
async function figures(): Promise<KernelStats> {
  const { document } = await callApi(node.socket, 'GET', '/v1/stats');
  const found = (document as { stats: readonly KernelStats[] }).stats.find((kernel) => kernel.id === id);
  if (!found) throw new Error(`no figures of ${id}`);
  expect(found.missing).toEqual([]);
  return found;
}
const known = (value: number | null): number => {
  if (value === null) throw new Error('not known');
  return value;
};

describe('CPU time', () => {
  // @promise true-figures
  it('is what a program used, and cores in use are its share, while it runs', async () => {
    const before = known((await figures()).cpuSeconds);
    // So much that what the runner itself uses meanwhile, up to 100 ms, is little of it.
    const burn = `
import time
wall, used = time.perf_counter(), time.process_time()
while time.process_time() - used < 10: pass
print(time.process_time() - used, (time.process_time() - used) / (time.perf_counter() - wall))`;
    const output = exec(burn);
    await sleep(3_000);
    const rates: number[] = [];
    let running = true;
    const ended = output.finally(() => {
      running = false;
    });
    ended.catch(() => {});
    while (running && rates.length < 8) {
      const { cpuCores } = await figures();
      if (running) rates.push(known(cpuCores));
      await sleep(500);
    }
    const [used, share] = (await output).trim().split(' ').map(Number) as [number, number];
    const grown = known((await figures()).cpuSeconds) - before;
    expect(grown / used).toBeGreaterThan(0.98);
    expect(grown / used).toBeLessThan(1.02);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    expect(rates.length).toBeGreaterThan(5);
    expect(mean / share).toBeGreaterThan(0.95);
    expect(mean / share).toBeLessThan(1.05);
  });

  it('that the limit held back is told', async () => {
    const before = await figures();
    await exec(`
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", "import time\\nuntil = time.time() + 3\\nwhile time.time() < until: pass"]) for _ in range(2)]
for child in children: child.wait()`);
    const after = await figures();
    // Two programs that would take a core each for three seconds.
    expect(known(after.cpuSeconds) - known(before.cpuSeconds)).toBeLessThan(2);
    expect(known(after.throttledPeriods)).toBeGreaterThan(known(before.throttledPeriods));
    expect(known(after.throttledSeconds)).toBeGreaterThan(known(before.throttledSeconds));
  });
});

describe('memory', () => {
  // @promise true-figures
  it('is what a program has written to', async () => {
    const before = await figures();
    await exec(`kept = bytearray(b"x" * ${200 * mebibyte})`);
    const grown = known((await figures()).memoryBytes) - known(before.memoryBytes);
    expect(grown / (200 * mebibyte)).toBeGreaterThan(0.98);
    expect(grown / (200 * mebibyte)).toBeLessThan(1.02);
    await exec('del kept');
    expect(known((await figures()).memoryPeakBytes)).toBeGreaterThan(390 * mebibyte);
  });
});

describe('the network', () => {
  // @promise true-figures
  it("is what the other end of the kernel's interface counts", async () => {
    const link = (await exec('print(open("/sys/class/net/eth0/iflink").read())')).trim();
    const peer = async (): Promise<{ received: number; sent: number }> => {
      const { stdout } = await run('ip', ['-s', '-j', 'link']);
      const all = JSON.parse(stdout) as {
        ifindex: number;
        stats64: { rx: { bytes: number }; tx: { bytes: number } };
      }[];
      const found = all.find(({ ifindex }) => String(ifindex) === link);
      if (!found) throw new Error(`no interface ${link}`);
      return { received: found.stats64.tx.bytes, sent: found.stats64.rx.bytes };
    };
    const before = await figures();
    const packets = 2_000;
    await exec(`
import socket, struct
line = next(l for l in open("/proc/net/route") if l.split()[1] == "00000000")
gateway = socket.inet_ntoa(struct.pack("<L", int(line.split()[2], 16)))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(${packets}): s.sendto(b"x" * 1000, (gateway, 9))`);
    // A packet that comes between the readings counts in one alone: the two readings around bound the one between.
    const [lower, measured, upper] = [await peer(), await figures(), await peer()];
    const [received, sent] = [known(measured.receivedBytes), known(measured.sentBytes)];
    expect(received).toBeGreaterThanOrEqual(lower.received);
    expect(received).toBeLessThanOrEqual(upper.received);
    expect(sent).toBeGreaterThanOrEqual(lower.sent);
    expect(sent).toBeLessThanOrEqual(upper.sent);
    // With the headers of UDP, IP and Ethernet.
    const expected = packets * 1042;
    expect((sent - known(before.sentBytes)) / expected).toBeGreaterThan(0.98);
    expect((sent - known(before.sentBytes)) / expected).toBeLessThan(1.02);
  });
});

describe('disks', () => {
  it("are what the cgroup's own file says at the same moment", async () => {
    await exec('import os; f = open("file", "wb"); f.write(b"x" * 20000000); f.flush(); os.fsync(f.fileno())');
    const detail = JSON.parse((await node.run(['inspect', id, '--json'])).text) as { containerId: string };
    const folders = [
      `/sys/fs/cgroup/blkio/docker/${detail.containerId}/blkio.throttle.io_service_bytes`,
      `/sys/fs/cgroup/docker/${detail.containerId}/io.stat`,
      `/sys/fs/cgroup/system.slice/docker-${detail.containerId}.scope/io.stat`,
    ];
    const texts = await Promise.all(folders.map((folder) => readFile(folder, 'utf8').catch(() => '')));
    const text = texts.find((found) => found !== '') ?? '';
    const sum = (form: RegExp): number => [...text.matchAll(form)].reduce((all, match) => all + Number(match[1]), 0);
    const { readBytes, writtenBytes } = await figures();
    expect(readBytes).toBe(sum(/ Read (\d+)|rbytes=(\d+)/g));
    expect(writtenBytes).toBe(sum(/ Write (\d+)|wbytes=(\d+)/g));
  });

  it('hold the files of a kernel, found in the background', async () => {
    await exec('import os; f = open("big", "wb"); f.write(b"x" * 30000000); f.flush(); os.fsync(f.fileno())');
    await expect
      .poll(async () => (await figures()).scratchBytes ?? 0, { timeout: 60_000, interval: 1_000 })
      .toBeGreaterThan(50_000_000);
    expect((await figures()).scratchBytes).toBeLessThan(52_000_000);
  }, 90_000);
});
