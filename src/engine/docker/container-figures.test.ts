import { describe, expect, it } from 'vitest';
import { readContainerFigures } from './container-figures.ts';

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

describe("the engine's figures", () => {
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

  it('are those of v2 too, where no peak is told, and of a container without a network of its own', () => {
    const { networks: _, ...rest } = reply;
    const memory = { usage: 10, stats: { inactive_file: 4 }, limit: 20 };
    expect(readContainerFigures({ ...rest, memory_stats: memory })).toMatchObject({
      droppableBytes: 4,
      memoryPeakBytes: null,
      receivedBytes: 0,
    });
  });

  it.each([null, {}, [], 'x', { ...reply, read: '0001-01-01T00:00:00Z' }])('are none of %j', (value) => {
    expect(readContainerFigures(value)).toBeNull();
  });

  it('have gaps where the reply is odd', () => {
    const odd = { read: reply.read, cpu_stats: { cpu_usage: { total_usage: 'many' } }, memory_stats: { usage: -4 } };
    expect(readContainerFigures(odd)).toMatchObject({ cpuNanoseconds: null, chargedBytes: null, processes: null });
  });
});
