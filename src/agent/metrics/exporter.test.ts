import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { hostOf, TreeCalls } from '../../../test/support/cgroup-fixture.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { silentLogger } from '../../lib/log.ts';
import { OperationTimes } from '../../lib/operation-times.ts';
import { DirectSource } from '../../stats/container-source.ts';
import { NodeFigures } from '../../stats/node-figures.ts';
import { OomLog } from '../../stats/oom-log.ts';
import { ProcessReader } from '../../stats/process-reader.ts';
import { Statistics } from '../../stats/statistics.ts';
import type { AgentStatus } from '../agent.ts';
import { MetricsExporter } from './exporter.ts';

const none = { total: 0, used: 0 };
const status: AgentStatus = {
  version: '1',
  mode: 'cluster',
  phase: 'ready',
  agentId: 'i-node',
  stateDir: '',
  pid: 1,
  startedAt: 0,
  engine: { address: '', healthy: true, detail: '' },
  ociRuntimes: [],
  disk: 'ok',
  hungFileSystems: [],
  degraded: [],
  kernels: 0,
  slots: { cpus: none, memoryBytes: none, ports: none },
  invariantViolations: {},
};

it.each([
  [{ waiting: 7 }, ['queue="final-records"} 0', 'queue="outbox"} 7']],
  [{}, ['queue="final-records"} 0']],
])('tells Prometheus how much waits in which queue: %j', async (events, depths) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-statistics-'));
  const clock = new FakeClock();
  const host = hostOf(new TreeCalls(new Map()));
  try {
    await using statistics = await Statistics.open({
      folder,
      targets: () => [],
      isLive: () => false,
      scratchFolder: () => '/nonexistent',
      source: new DirectSource(host, async () => null),
      node: new NodeFigures([]),
      devices: null,
      processes: new ProcessReader(host.files, clock),
      killLog: new OomLog(clock),
      sink: null,
      onOveruse: () => {},
      periodMs: 5000,
      adaptive: false,
      clock,
      log: silentLogger,
    });
    using of = new MetricsExporter({
      kernels: { list: () => [] },
      statistics,
      operations: new OperationTimes(clock),
      events,
      devices: { known: new Map(), use: () => ({ total: 0, used: 0 }) },
    });
    let text = '';
    for await (const piece of of.exposition(status, new AbortController().signal)) text += piece;
    const lines = text.split('\n').filter((line) => line.startsWith('kernelet_queue_depth{'));
    expect(lines).toEqual(depths.map((depth) => `kernelet_queue_depth{${depth}`));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
