/** The families together: names and units that dashboards rely on. */
import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { Histogram } from '../../lib/histogram.ts';
import { asContainerId, parseKernelId, parseSessionId } from '../../lib/ids.ts';
import { OperationTimes } from '../../lib/operation-times.ts';
import { emptySample } from '../../stats/container-sample.ts';
import { KernelStatisticsStore } from '../../stats/kernel-statistics-store.ts';
import { NodeFigures } from '../../stats/node-figures.ts';
import type { NodeStatistics } from '../../stats/statistics.ts';
import type { AgentStatus } from '../agent.ts';
import { agentFamilies, OwnHealthMeter } from './agent-families.ts';
import { exposition } from './exposition.ts';
import { kernelFamilies, nodeFamilies } from './figure-families.ts';

const id = '11111111-2222-4333-8444-555555555555';
const status: AgentStatus = {
  version: '1.2.3',
  mode: 'standalone',
  phase: 'ready',
  agentId: 'i-test',
  stateDir: '/nowhere',
  pid: 1,
  startedAt: 1500,
  engine: { address: '', healthy: false, detail: '' },
  ociRuntimes: [],
  disk: 'ok',
  hungFileSystems: [],
  degraded: [{ mode: 'disk', since: 0, detail: 'it is full' }],
  kernels: 1,
  slots: { cpus: { total: 4, used: 1 }, memoryBytes: { total: 8, used: 2 }, ports: { total: 3, used: 0 } },
  invariantViolations: { strays: 2 },
};
const lines = (families: Parameters<typeof exposition>[0]): string[] => [...exposition(families)].join('').split('\n');

it('exports of kernels what is known of them', () => {
  const store = new KernelStatisticsStore([]);
  const target = {
    kernelId: parseKernelId(id),
    sessionId: parseSessionId(id),
    containerId: asContainerId('c'),
    scratchLimitBytes: null,
  };
  const sample = {
    ...emptySample,
    cpuMicroseconds: 2_500_000,
    memoryBytes: 7,
    outOfMemoryKills: 1,
    cpuStall: { some: 1_500_000, full: 500_000 },
  };
  store.addRound(target, sample, {
    at: 0,
    now: 0,
    scratchBytes: null,
    minScratchBytes: null,
    isDiskFull: false,
    killed: [],
  });
  const figures = store.figures(id, []);
  const text = lines(kernelFamilies(figures ? [figures] : []));
  const labels = `kernel_id="${id}",session_id="${id}"`;
  expect(text.filter((line) => !line.startsWith('#') && line !== '')).toEqual([
    `kernelet_kernel_cpu_seconds_total{${labels}} 2.5`,
    `kernelet_kernel_out_of_memory_kills_total{${labels}} 1`,
    `kernelet_kernel_memory_bytes{${labels}} 7`,
    `kernelet_kernel_memory_peak_bytes{${labels}} 7`,
    `kernelet_kernel_stalled_seconds_total{${labels},resource="cpu",share="some"} 1.5`,
    `kernelet_kernel_stalled_seconds_total{${labels},resource="cpu",share="all"} 0.5`,
    `kernelet_kernel_overuse_total{${labels},kind="out-of-memory"} 1`,
  ]);
});

const nothing: NodeStatistics = { ...new NodeFigures([]).figures(), devices: [], missing: [] };

it('exports what the node uses, by CPU and disk, and its slots', () => {
  const figure = { value: 3, capacity: 4, perSecond: null, parts: {} };
  const parts = { '0': { value: 1.5, capacity: 5 }, '3': { value: 0.5, capacity: 5 } };
  const disks = { '/dev/a': { value: 30, capacity: 100 } };
  const device = { measure: 'cuda_mem', unit: 'bytes' };
  const node: NodeStatistics = {
    ...nothing,
    cpuSeconds: { ...figure, parts },
    memoryBytes: { ...figure, value: 40_960, capacity: 102_400 },
    diskBytes: { ...figure, parts: disks },
    sentBytes: { ...figure, value: 7, capacity: null },
    devices: [
      { ...device, device: '0', value: 3, capacity: 4 },
      { ...device, device: '1', value: 5, capacity: null },
    ],
  };
  const { cpus: cpu, memoryBytes: mem, ports: port } = status.slots;
  const slots = { cpu, mem, port, 'cuda.shares': { total: 1.5, used: 0.5 } };
  expect(lines(nodeFamilies(node, slots)).filter((line) => !line.startsWith('#') && line !== '')).toEqual([
    'kernelet_node_cpu_seconds_total{cpu="0"} 1.5',
    'kernelet_node_cpu_seconds_total{cpu="3"} 0.5',
    'kernelet_node_memory_used_bytes 40960',
    'kernelet_node_memory_total_bytes 102400',
    'kernelet_node_disk_used_bytes{device="/dev/a"} 30',
    'kernelet_node_disk_total_bytes{device="/dev/a"} 100',
    'kernelet_node_network_sent_bytes_total 7',
    'kernelet_device_usage{measure="cuda_mem",unit="bytes",device="0"} 3',
    'kernelet_device_usage{measure="cuda_mem",unit="bytes",device="1"} 5',
    'kernelet_device_capacity{measure="cuda_mem",unit="bytes",device="0"} 4',
    'kernelet_slots_capacity{slot="cpu"} 4',
    'kernelet_slots_capacity{slot="mem"} 8',
    'kernelet_slots_capacity{slot="port"} 3',
    'kernelet_slots_capacity{slot="cuda.shares"} 1.5',
    'kernelet_slots_used{slot="cpu"} 1',
    'kernelet_slots_used{slot="mem"} 2',
    'kernelet_slots_used{slot="port"} 0',
    'kernelet_slots_used{slot="cuda.shares"} 0.5',
  ]);
});

it('exports the agent itself, and its event loop from the second scrape on', async () => {
  const operations = new OperationTimes(new FakeClock());
  await operations.watch('engine', 'info', Promise.resolve());
  using meter = new OwnHealthMeter();
  const statistics = {
    sampleSeconds: new Histogram([1]),
    roundSeconds: new Histogram([1]),
    missingMetricCounts: new Map([['disk', 3]]),
  };
  const facts = {
    status,
    phases: new Map([['running', 1]] as const),
    unrecorded: 1,
    operations,
    statistics,
    queues: new Map([['x', 2]]),
  };
  const first = lines(agentFamilies({ ...facts, health: await meter.read() }));
  for (const line of [
    'kernelet_info{version="1.2.3",mode="standalone",agent_id="i-test"} 1',
    'kernelet_start_time_seconds 1.5',
    'kernelet_engine_healthy 0',
    'kernelet_kernels{phase="running"} 1',
    'kernelet_unrecorded_kernels 1',
    'kernelet_degraded{mode="disk"} 1',
    'kernelet_degraded{mode="memory"} 0',
    'kernelet_invariant_violations_total{kind="strays"} 2',
    'kernelet_queue_depth{queue="x"} 2',
    'kernelet_operation_duration_seconds_count{component="engine",operation="info",outcome="ok"} 1',
    'kernelet_operations_under_way{component="engine",operation="info"} 0',
    'kernelet_statistics_missing_total{source="disk"} 3',
  ]) {
    expect(first).toContain(line);
  }
  expect(first.some((line) => line.startsWith('kernelet_event_loop_delay_seconds{'))).toBe(false);
  const until = performance.now() + 120;
  await new Promise((resolve) => setTimeout(resolve, 50));
  // Holds up the event loop.
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const health = await meter.read();
  expect(health.loopDelay.get('1')).toBeGreaterThan(0.03);
  expect(health.openFiles).toBeGreaterThan(3);
  const second = lines(agentFamilies({ ...facts, health }));
  expect(second.filter((line) => line.startsWith('kernelet_event_loop_delay_seconds{'))).toHaveLength(4);
  expect(health.loopLooks).toBeGreaterThan(0);
  expect(second).toContain(`kernelet_event_loop_delay_seconds_count ${health.loopLooks}`);
  expect((await meter.read()).loopDelayTotal).toBeGreaterThanOrEqual(health.loopDelayTotal);
});

it('names everything as Prometheus wants it', async () => {
  using meter = new OwnHealthMeter();
  const statistics = {
    sampleSeconds: new Histogram([1]),
    roundSeconds: new Histogram([1]),
    missingMetricCounts: new Map(),
  };
  const operations = new OperationTimes(new FakeClock());
  const counts = { phases: new Map(), unrecorded: 0, queues: new Map() };
  const facts = { status, ...counts, operations, statistics, health: await meter.read() };
  const families = [...agentFamilies(facts), ...nodeFamilies(nothing, {}), ...kernelFamilies([])];
  expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
  for (const { name, type, help } of families) {
    expect(name).toMatch(/^(kernelet|process)(_[a-z]+)+$/);
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    expect(name).not.toMatch(/_(bucket|count|sum|info)$(?<!^kernelet_info)|milli|percent/);
    expect(help).toMatch(/^[A-Z].*\.$/);
  }
});
