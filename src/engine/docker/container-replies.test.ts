import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readContainerDetail,
  readContainerFigures,
  readContainerSummary,
  readHasTerminal,
  readIsLink,
} from './container-replies.ts';

describe('readContainerDetail', () => {
  it('reads an inspection', () => {
    const detail = readContainerDetail({
      Id: 'abc',
      Name: '/kernel.python.1',
      State: {
        Status: 'exited',
        Pid: 0,
        ExitCode: 137,
        OOMKilled: true,
        Error: '',
        StartedAt: '2026-11-24T20:00:00.5Z',
        FinishedAt: '0001-01-01T00:00:00Z',
      },
      Config: { Image: 'sha256:1', Labels: { a: 'b' }, Tty: false },
      HostConfig: { CgroupParent: '' },
      NetworkSettings: {
        Ports: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '30000' }], '81/tcp': null },
        Networks: { a: { IPAddress: '' }, b: { IPAddress: '172.17.0.2' } },
      },
    });
    expect(detail).toMatchObject({
      id: 'abc',
      name: 'kernel.python.1',
      image: 'sha256:1',
      labels: { a: 'b' },
      state: 'exited',
      exitCode: 137,
      outOfMemory: true,
      startedAt: '2026-11-24T20:00:00.5Z',
      finishedAt: '',
      ports: [{ containerPort: 80, hostAddress: '127.0.0.1', hostPort: 30000 }],
      networkAddress: '172.17.0.2',
      networks: ['a', 'b'],
    });
  });

  it('reads anything at all without failing, and nobody acts on an unknown state', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        readContainerSummary(value);
        readHasTerminal(value);
        expect(readContainerDetail(value).id).toBeTypeOf('string');
      }),
    );
    expect(readContainerSummary({ Id: 'a', State: 'levitating' }).state).toBe('restarting');
  });

  it('takes labels that are named like parts of an object', () => {
    const labels = JSON.parse('{"__proto__":"a","constructor":"b","n":1}');
    const read = readContainerSummary({ Labels: labels }).labels;
    expect(Object.entries(read)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });
});

describe('readIsLink', () => {
  const header = (facts: unknown): string => Buffer.from(JSON.stringify(facts)).toString('base64');

  it('knows a link from anything else, and says when it cannot be known', () => {
    expect(readIsLink(header({ name: 'b', mode: 134_218_239, linkTarget: '/opt' }))).toBe(true);
    expect(readIsLink(header({ name: 'a', mode: 2_147_484_141, linkTarget: '' }))).toBe(false);
    for (const odd of [undefined, '', 'e30=', 'null', '%%%', header(null), header([])]) {
      expect(readIsLink(odd)).toBeUndefined();
    }
  });
});

const reply = {
  read: '2026-11-25T11:06:11.817776882Z',
  preread: '0001-01-01T00:00:00Z',
  pids_stats: { current: 1, limit: 64 },
  blkio_stats: {
    io_service_bytes_recursive: [
      { major: 8, minor: 0, op: 'Read', value: 100 },
      { major: 8, minor: 0, op: 'write', value: 7 },
      { major: 8, minor: 16, op: 'read', value: 1 },
      { major: 8, minor: 0, op: 'Total', value: 107 },
    ],
  },
  cpu_stats: {
    cpu_usage: { total_usage: 27_188_732 },
    throttling_data: { periods: 4, throttled_periods: 3, throttled_time: 2 },
  },
  memory_stats: {
    usage: 2_777_088,
    max_usage: 4_349_952,
    stats: { total_inactive_file: 2_109_440 },
    limit: 67_108_864,
  },
  networks: { eth0: { rx_bytes: 200, tx_bytes: 5 }, eth1: { rx_bytes: 1, tx_bytes: 2 } },
};

describe("the engine's statistics of a container", () => {
  it('are read, whatever the case of operations, also from a list of one', () => {
    const expected = {
      cpuNanoseconds: 27_188_732,
      throttledNanoseconds: 2,
      cpuPeriods: 4,
      throttledPeriods: 3,
      chargedBytes: 2_777_088,
      droppableBytes: 2_109_440,
      memoryPeakBytes: 4_349_952,
      memoryLimitBytes: 67_108_864,
      processes: 1,
      processesLimit: 64,
      readBytes: 101,
      writtenBytes: 7,
      receivedBytes: 201,
      sentBytes: 7,
    };
    expect(readContainerFigures(reply)).toEqual(expected);
    expect(readContainerFigures([reply])).toEqual(expected);
  });

  it('are read with cgroup v2, which has no peak of memory, and for a container without a network of its own', () => {
    const { networks: _, ...rest } = reply;
    const memory = { usage: 10, stats: { inactive_file: 4 }, limit: 20 };
    expect(readContainerFigures({ ...rest, memory_stats: memory })).toMatchObject({
      droppableBytes: 4,
      memoryPeakBytes: null,
      receivedBytes: 0,
    });
  });

  it.each([null, {}, [], 'x', { ...reply, read: '0001-01-01T00:00:00Z' }])('are null for the reply %j', (value) => {
    expect(readContainerFigures(value)).toBeNull();
  });

  it('are null where the reply is odd', () => {
    const odd = { read: reply.read, cpu_stats: { cpu_usage: { total_usage: 'many' } }, memory_stats: { usage: -4 } };
    expect(readContainerFigures(odd)).toMatchObject({ cpuNanoseconds: null, chargedBytes: null, processes: null });
  });
});
