/** Where statistics go: events, inspect, accounts over restarts, Prometheus, and the engine as another source. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelStats, KernelView } from '../../src/agent/agent.ts';
import { callApi } from '../support/local-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const port = 19_000 + (process.pid % 900);
let node: NodeUnderTest;

beforeAll(async () => {
  node = await NodeUnderTest.started({ configuration: `[metrics]\nperiod = "1s"\nlisten = "127.0.0.1:${port}"\n` });
}, 120_000);
afterAll(() => node?.[Symbol.asyncDispose](), 60_000);

const create = (...more: readonly string[]): Promise<string> =>
  node.create('--image', 'kernelet/python', '--mem', '128m', '--network', 'none', ...more);
const exec = (id: string, code: string) => node.run(['exec', id, '-c', code]);
const inspect = async (id: string): Promise<KernelView> =>
  JSON.parse((await node.run(['inspect', id, '--json'])).text) as KernelView;
async function figures(id: string, of = node): Promise<KernelStats> {
  const { document } = await callApi(of.socket, 'GET', '/v1/stats');
  const found = (document as { stats: readonly KernelStats[] }).stats.find((kernel) => kernel.id === id);
  if (!found) throw new Error(`no figures of ${id}`);
  return found;
}
const overuseOf = async (
  id: string,
): Promise<readonly { type: string; kind: string; detail: string; count: number }[]> =>
  (await node.run(['events', '--json'])).text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).event)
    .filter((event) => event.type === 'overuse' && event.kernelId === id);

describe('over-use', () => {
  it('by kills for want of memory is an event with the name, and in inspect', async () => {
    const id = await create();
    await exec(id, 'x = bytearray(b"x" * 300 * 2 ** 20)');
    await expect
      .poll(() => overuseOf(id), { timeout: 10_000 })
      .toMatchObject([
        {
          kind: 'out-of-memory',
          count: 1,
          detail: expect.stringMatching(/^killed at the limit of 128 MiB of memory: python/),
        },
      ]);
    expect((await inspect(id)).usage).toMatchObject({ outOfMemoryKills: 1, overuse: [{ kind: 'out-of-memory' }] });
    expect((await node.run(['inspect', id])).text).toMatch(/over-use: +out-of-memory, 1 in all.*python/);
    await node.run(['rm', '-f', id]);
  });

  it('of processes is an event too', async () => {
    const id = await create('--processes', '40');
    const many =
      'import subprocess\ntry:\n  c = [subprocess.Popen(["sleep", "30"]) for _ in range(80)]\nexcept OSError: pass';
    await exec(id, many);
    await expect.poll(() => overuseOf(id), { timeout: 10_000 }).toMatchObject([{ kind: 'processes' }]);
    await node.run(['rm', '-f', id]);
  });
});

describe('accounts', () => {
  it('go on over restarts of the kernel and of the daemon, and end in a record', async () => {
    const id = await create();
    await exec(id, 'import time\nwhile time.process_time() < 1: pass');
    const first = (await figures(id)).cpuSeconds ?? 0;
    expect(first).toBeGreaterThan(1);

    expect((await node.run(['restart', id])).status).toBe(0);
    const second = (await figures(id)).cpuSeconds ?? 0;
    expect(second).toBeGreaterThanOrEqual(first);
    expect(second).toBeLessThan(first + 1);

    await node.endDaemon('SIGTERM');
    await node.startDaemon();
    const third = (await figures(id)).cpuSeconds ?? 0;
    expect(third).toBeGreaterThanOrEqual(second);
    expect(third).toBeLessThan(second + 1);

    await exec(id, 'import time\nwhile time.process_time() < 1: pass');
    await node.run(['rm', '-f', id]);
    const { document } = await callApi(node.socket, 'GET', '/v1/stats/ended');
    const [record] = (document as { records: { kernelId: string }[] }).records.filter((one) => one.kernelId === id);
    expect(record).toMatchObject({ reason: 'force-terminated', sessionId: id });
    const { usage } = await inspect(id);
    expect(usage?.cpuSeconds).toBeGreaterThan(first + 1);
    expect(record).toMatchObject({ ...usage });
  });
});

describe('Prometheus', () => {
  it('gets the same figures on the socket and over TCP', async () => {
    const id = await create();
    const texts = [
      (await callApi(node.socket, 'GET', '/metrics')).text,
      await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    ];
    for (const text of texts) {
      expect(text).toMatch(new RegExp(`kernelet_kernel_memory_bytes\\{kernel_id="${id}",session_id="${id}"\\} [1-9]`));
      expect(text).toMatch(/kernelet_kernels\{phase="running"\} 1\n/);
      expect(text).toMatch(
        /kernelet_operation_duration_seconds_count\{component="agent",operation="create",outcome="ok"\} [1-9]/,
      );
      expect(text).toMatch(
        /kernelet_operation_duration_seconds_count\{component="engine",operation="startContainer",outcome="ok"\} [1-9]/,
      );
      expect(text).toMatch(
        /kernelet_operation_duration_seconds_count\{component="journal",operation="write",outcome="ok"\} [1-9]/,
      );
      const names = text
        .split('\n')
        .filter((line) => line.startsWith('# TYPE '))
        .map((line) => line.split(' ')[2]);
      expect(new Set(names).size).toBe(names.length);
    }
    await node.run(['rm', '-f', id]);
    expect((await callApi(node.socket, 'GET', '/metrics')).text).not.toContain(id);
  });
});

describe('kernelet stats -f', () => {
  it('shows a table again and again until Ctrl-C', async () => {
    const id = await create();
    const { child, outcome } = node.start(['stats', '-f', '--json', '--interval', '300ms']);
    const lines: string[] = [];
    child.stdout?.on('data', (chunk: Buffer) =>
      lines.push(
        ...chunk
          .toString()
          .split('\n')
          .filter((line) => line !== ''),
      ),
    );
    await expect.poll(() => lines.length, { timeout: 10_000 }).toBeGreaterThan(2);
    child.kill('SIGINT');
    await outcome;
    expect(JSON.parse(lines[0] ?? '')).toMatchObject([{ id }]);
    await node.run(['rm', '-f', id]);
  });
});

describe('the engine as the source', () => {
  it('tells much the same', async () => {
    await using other = await NodeUnderTest.started({ configuration: '[metrics]\nsource = "engine"\n' });
    const id = await other.create('--image', 'kernelet/python', '--mem', '128m', '--network', 'none');
    await other.run(['exec', id, '-c', 'import time\nwhile time.process_time() < 1: pass']);
    const told = await figures(id, other);
    expect(told).toMatchObject({ memoryLimitBytes: 128 * 2 ** 20, outOfMemoryKills: null, missing: [] });
    expect(told.cpuSeconds).toBeGreaterThan(1);
    expect(told.cpuSeconds).toBeLessThan(3);
    expect(told.memoryBytes).toBeGreaterThan(1e6);
  });
});
