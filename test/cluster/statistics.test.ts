/** Statistics of recorded containers and this very process, all the way into a real Redis. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RedisLink, redisDatabases } from '../../src/backendai/redis/link.ts';
import { RedisStatistics } from '../../src/backendai/redis/statistics-keys.ts';
import { ClusterStatistics } from '../../src/backendai/statistics/cluster-statistics.ts';
import { decodeMsgpack } from '../../src/backendai/wire/msgpack/decode.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { asContainerId, parseKernelId, parseSessionId } from '../../src/lib/ids.ts';
import { silentLogger as log } from '../../src/lib/log.ts';
import { DirectSource } from '../../src/stats/container-source.ts';
import type { StatsTarget } from '../../src/stats/kernel-statistics-store.ts';
import { nodeMemory } from '../../src/stats/node-collectors.ts';
import { NodeFigures } from '../../src/stats/node-figures.ts';
import { OomLog } from '../../src/stats/oom-log.ts';
import { OpenFileCache } from '../../src/stats/open-file-cache.ts';
import { ProcessReader } from '../../src/stats/process-reader.ts';
import { Statistics } from '../../src/stats/statistics.ts';
import { hostOf, readTree, recordedId, recordedPid, TreeCalls } from '../support/cgroup-fixture.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { startRedis, type TestRedis } from '../support/cluster/redis-server.ts';

const kernel = '11111111-2222-4333-8444-555555555555';
const { signal } = new AbortController();

describeWith(['redis-server'], 'Statistics in Redis', () => {
  let redis: TestRedis;
  let link: RedisLink;
  let folder: string;
  let statistics: Statistics;
  const targets: StatsTarget[] = [];
  beforeAll(async () => {
    redis = await startRedis();
    link = redis.link(redisDatabases.statistics);
    folder = await mkdtemp(path.join(tmpdir(), 'kernelet-statistics-'));
    targets.push({
      kernelId: parseKernelId(kernel),
      sessionId: parseSessionId(kernel),
      containerId: asContainerId(recordedId),
      scratchLimitBytes: null,
    });
    const tree = readTree('v2-systemd');
    for (const file of tree.keys()) if (file.endsWith('/cgroup.procs')) tree.set(file, `${process.pid}\n`);
    const files = new OpenFileCache({ maxOpen: 100 });
    statistics = await Statistics.open({
      folder,
      targets: () => targets,
      isLive: (id) => targets.some(({ kernelId }) => kernelId === id),
      scratchFolder: () => '/nonexistent',
      source: new DirectSource(hostOf(new TreeCalls(tree)), async () => recordedPid),
      node: new NodeFigures([nodeMemory(files.file('/proc/meminfo'))]),
      processes: new ProcessReader(files, clock),
      devices: null,
      killLog: new OomLog(clock),
      sink: new ClusterStatistics(
        new RedisStatistics(redis.link(redisDatabases.statistics), 'i-node'),
        'i-node',
        clock,
      ),
      onOveruse: () => {},
      periodMs: 5000,
      adaptive: false,
      clock,
      log,
    });
  });
  afterAll(async () => {
    await statistics[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const value = async (key: string): Promise<unknown> => decodeMsgpack((await link.call(['GET', key])) as Buffer);

  it('are there under the keys that managers read, encoded as they read them, for as long as they should', async () => {
    await statistics.round(signal);
    await statistics.round(signal);
    const number = expect.stringMatching(/^\d+$/);
    expect(await value('i-node')).toEqual({
      node: { mem: expect.objectContaining({ current: number, capacity: number, unit_hint: 'bytes' }) },
      devices: { mem: { root: expect.objectContaining({ capacity: number, 'stats.max': number }) } },
    });
    expect(await value(kernel)).toMatchObject({
      cpu_util: { current: '0', capacity: '1000', pct: '0', unit_hint: 'percent', 'stats.max': '8678.729' },
      cpu_used: { current: '8678.729' },
      mem: { current: '26492928', capacity: '268435456', pct: '9.87', 'stats.max': '26492928' },
      io_read: { current: '4644864', 'stats.rate': '0' },
      io_write: { current: '5001216' },
      net_rx: { current: '0', unit_hint: 'bps' },
      net_tx: { current: '0' },
      io_scratch_size: { current: '0', 'stats.max': '0' },
    });
    const processes = (await value(recordedId)) as ReadonlyMap<number, unknown>;
    expect([...processes]).toEqual([
      [process.pid, expect.objectContaining({ mem: expect.objectContaining({ current: number }) })],
    ]);
    const keys = ['i-node', kernel, recordedId];
    const left = await Promise.all(keys.map((key) => link.call(['TTL', key])));
    expect(left).toEqual([120, -1, 8]);
    expect(await link.call(['DBSIZE'])).toBe(3);
  });

  it('of a kernel that has ended stay a day', async () => {
    targets.length = 0;
    await statistics.round(signal);
    expect(await link.call(['TTL', kernel])).toBe(86_400);
    expect(await value(kernel)).toMatchObject({ mem: { current: '26492928' } });
  });
});
