import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createStatsReader, createTextReader } from './container-stats.ts';

/** A reader over a file system of texts. */
function readerOf(files: Readonly<Record<string, string>>): ReturnType<typeof createStatsReader> {
  return createStatsReader({
    nodeMemoryBytes: 8e9,
    readText: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
      return text;
    },
  });
}
const memory1 = '/sys/fs/cgroup/memory/docker/k';
const v1 = {
  '/proc/self/mountinfo': `32 31 0:29 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
`,
  '/proc/7/cgroup': '8:pids:/docker/k\n4:memory:/docker/k\n2:cpuacct:/docker/k\n',
  '/sys/fs/cgroup/cpuacct/docker/k/cpuacct.usage': '1500000000\n',
  [`${memory1}/memory.usage_in_bytes`]: '5000000\n',
  [`${memory1}/memory.max_usage_in_bytes`]: '9000000\n',
  [`${memory1}/memory.limit_in_bytes`]: '67108864\n',
  [`${memory1}/memory.stat`]: 'cache 10\ninactive_file 4\ntotal_inactive_file 1000000\n',
  [`${memory1}/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
  '/sys/fs/cgroup/pids/docker/k/pids.current': '3\n',
};
const k2 = '/sys/fs/cgroup/system.slice/docker-k.scope';
const v2 = {
  '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
  '/proc/7/cgroup': '0::/system.slice/docker-k.scope\n',
  [`${k2}/cpu.stat`]: 'usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n',
  [`${k2}/memory.current`]: '5000000\n',
  [`${k2}/memory.peak`]: '9000000\n',
  [`${k2}/memory.max`]: 'max\n',
  [`${k2}/memory.stat`]: 'anon 1\ninactive_file 1000000\n',
  [`${k2}/memory.events`]: 'low 0\noom 4\noom_kill 1\n',
  [`${k2}/pids.current`]: '2\n',
};
const without = <T extends Readonly<Record<string, string>>>(files: T, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(files).filter(([path]) => path !== name));

describe('createStatsReader', () => {
  it('reads v1', async () => {
    expect(await readerOf(v1)(7)).toEqual({
      cpuSeconds: 1.5,
      memoryBytes: 4_000_000,
      memoryPeakBytes: 9_000_000,
      memoryLimitBytes: 67_108_864,
      processes: 3,
      outOfMemoryKills: 2,
    });
  });

  it('reads v2', async () => {
    expect(await readerOf(v2)(7)).toEqual({
      cpuSeconds: 2.5,
      memoryBytes: 4_000_000,
      memoryPeakBytes: 9_000_000,
      memoryLimitBytes: 8e9,
      processes: 2,
      outOfMemoryKills: 1,
    });
  });

  it('does without a peak, and counts processes where there is no counter', async () => {
    const old = without(without(v2, `${k2}/memory.peak`), `${k2}/pids.current`);
    expect(await readerOf({ ...old, [`${k2}/cgroup.procs`]: '7\n9\n12\n' })(7)).toMatchObject({
      memoryPeakBytes: 5_000_000,
      processes: 3,
    });
  });

  it('says null of a container that has vanished, at whatever moment', async () => {
    expect(await readerOf(v1)(8)).toBeNull();
    expect(await readerOf(without(v1, `${memory1}/memory.stat`))(7)).toBeNull();
    expect(await readerOf({ ...v1, '/proc/7/cgroup': '8:pids:/\n4:memory:/\n2:cpuacct:/\n' })(7)).toBeNull();
  });

  it('passes on what is not the absence of a file', async () => {
    const reader = createStatsReader({
      readText: () => {
        throw Object.assign(new Error('denied'), { code: 'EACCES' });
      },
    });
    await expect(reader(1)).rejects.toThrow('denied');
  });

  it('reads this machine: a process that is not there is null', async () => {
    expect(await createStatsReader()(2 ** 22 + 1)).toBeNull();
  });
});

it('a file that comes in pieces, as mountinfo does, is read to its end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kernelet-stats-'));
  try {
    const path = join(folder, 'pieces');
    execFileSync('mkfifo', [path]);
    spawn('sh', ['-c', '{ echo one; sleep 0.1; echo two; } > "$1"', 'sh', path], { stdio: 'ignore' });
    expect(createTextReader()(path)).toBe('one\ntwo\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
