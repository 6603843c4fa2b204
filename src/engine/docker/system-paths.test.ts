import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMaskedPaths } from './system-paths.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-cpus-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('what is hidden of the machine', () => {
  it('has the throttling of each CPU, also of one that is off, where the machine tells of any', async () => {
    const cpus = async () => (await readMaskedPaths(folder)).filter((path) => path.includes('/cpu'));
    for (const cpu of ['cpu0', 'cpu1', 'cpu10', 'cpufreq']) await mkdir(join(folder, cpu));
    expect(await cpus()).toEqual([]);
    await mkdir(join(folder, 'cpu1', 'thermal_throttle'));
    const named = ['cpu0', 'cpu1', 'cpu10'].map((cpu) => `/sys/devices/system/cpu/${cpu}/thermal_throttle`);
    expect((await cpus()).sort()).toEqual(named);
  });

  it('is all else also where CPUs are not listed', async () => {
    expect(await readMaskedPaths(join(folder, 'none'))).toEqual([
      '/proc/acpi',
      '/proc/asound',
      '/proc/interrupts',
      '/proc/kcore',
      '/proc/keys',
      '/proc/latency_stats',
      '/proc/sched_debug',
      '/proc/scsi',
      '/proc/timer_list',
      '/proc/timer_stats',
      '/sys/devices/virtual/powercap',
      '/sys/firmware',
    ]);
  });
});
