import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseHostCapacity, readHostCapacity } from './host-capacity.ts';

const meminfo = 'MemTotal:        2097152 kB\nMemFree:   5 kB\n';

describe('parseHostCapacity', () => {
  it('gives the whole machine without limits', () => {
    const unlimited = [
      { memoryLimits: [] },
      { cpuMax: 'max 100000\n', memoryLimits: ['max\n'] },
      { cpuQuota: '-1\n', cpuPeriod: '100000\n', memoryLimits: ['9223372036854771712\n'] },
    ];
    for (const texts of unlimited) {
      expect(parseHostCapacity({ processors: 8, meminfo, ...texts })).toEqual({ cpus: 8, memoryBytes: 2 ** 31 });
    }
  });

  it('takes the limits of either cgroup version', () => {
    expect(
      parseHostCapacity({ processors: 8, meminfo, cpuMax: '150000 100000\n', memoryLimits: ['1073741824\n'] }),
    ).toEqual({
      cpus: 1.5,
      memoryBytes: 2 ** 30,
    });
    const v1 = { cpuQuota: '33333', cpuPeriod: '100000', memoryLimits: [undefined, '1073741824'] };
    expect(parseHostCapacity({ processors: 8, meminfo, ...v1 })).toEqual({ cpus: 0.33, memoryBytes: 2 ** 30 });
  });

  it('says so when there is no total', () => {
    expect(() => parseHostCapacity({ processors: 1, meminfo: '', memoryLimits: [] })).toThrow('no line MemTotal');
  });
});

it('reads this machine', async () => {
  const { cpus, memoryBytes } = await readHostCapacity();
  expect(cpus).toBeGreaterThan(0);
  expect(memoryBytes).toBeGreaterThan(2 ** 26);
  expect(memoryBytes).toBeLessThanOrEqual(totalmem());
});
