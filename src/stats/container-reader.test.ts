import { describe, expect, it } from 'vitest';
import {
  hostOf,
  readTree,
  recordedId,
  recordedPid,
  recordedTrees,
  systemError,
  TreeCalls,
} from '../../test/support/cgroup-fixture.ts';
import { ContainerReader } from './container-reader.ts';
import type { ContainerSample } from './container-sample.ts';

function open(calls: TreeCalls, maxOpen?: number): ContainerReader {
  const reader = ContainerReader.open(hostOf(calls, maxOpen), recordedPid, recordedId);
  if (reader === null) throw new Error('the container is not there');
  return reader;
}
function read(tree: Map<string, string>): ContainerSample | null {
  using reader = open(new TreeCalls(tree));
  return reader.read();
}
const fileOf = (tree: Map<string, string>, name: string): string => {
  const found = [...tree.keys()].filter((file) => file.endsWith(`/${name}`));
  const [file] = found.length > 1 ? found.filter((item) => !item.includes('unified')) : found;
  if (file === undefined) throw new Error(`no ${name}`);
  return file;
};

/** What both versions agree on. */
const common = {
  memoryLimitBytes: 268_435_456,
  processes: 1,
  processesLimit: 64,
  receivedBytes: 1182,
  sentBytes: 0,
  scratchBytes: null,
  missing: [],
};
const v1 = {
  ...common,
  memoryBytes: 31_608_832 - 5_156_864,
  cpuMicroseconds: 8_678_730,
  cpuPeriods: 229,
  throttledPeriods: 64,
  throttledMicroseconds: 1_950_851,
  memoryPeakBytes: 36_651_008,
  outOfMemoryKills: 0,
  processLimitHits: 0,
  readBytes: 0,
  writtenBytes: 0,
};
const stalls = {
  cpuStall: { some: 11_239_390, full: 11_236_026 },
  memoryStall: { some: 0, full: 0 },
  ioStall: { some: 422, full: 377 },
};
const noStalls = { cpuStall: null, memoryStall: null, ioStall: null };
const v2 = {
  ...common,
  ...stalls,
  cpuMicroseconds: 8_678_729,
  cpuPeriods: 184,
  throttledPeriods: 171,
  throttledMicroseconds: 7_903_512,
  memoryBytes: 31_649_792 - 5_156_864,
  memoryPeakBytes: 36_651_008,
  outOfMemoryKills: 1,
  processLimitHits: 3,
  readBytes: 4_644_864,
  writtenBytes: 5_001_216,
};

describe('the figures of recorded trees', () => {
  it.each([
    ['v1-cgroupfs', { ...v1, ...noStalls }],
    ['v1-systemd', { ...v1, ...noStalls }],
    ['hybrid-cgroupfs', { ...v1, ...stalls }],
    ['hybrid-systemd', { ...v1, ...stalls }],
    ['v2-cgroupfs', v2],
    ['v2-systemd', v2],
  ])('%s', (name, expected) => {
    expect(read(readTree(name))).toEqual(expected);
  });
});

describe('the limit on memory', () => {
  it.each([
    ['v2-cgroupfs', 'memory.max', 'max\n'],
    ['v1-cgroupfs', 'memory.limit_in_bytes', '9223372036854771712\n'],
  ])('is what the node has when there is none: %s', (name, file, text) => {
    const tree = readTree(name);
    tree.set(fileOf(tree, file), text);
    expect(read(tree)).toMatchObject({ memoryLimitBytes: 8e9, missing: [] });
  });
});

describe('a host that counts less', () => {
  it('gives null for what it does not count, and misses nothing', () => {
    const tree = readTree('v2-cgroupfs');
    for (const name of ['memory.peak', 'pids.current', 'pids.max', 'pids.events', 'io.stat', 'cpu.pressure']) {
      tree.delete(fileOf(tree, name));
    }
    tree.set(fileOf(tree, 'cgroup.procs'), '4242\n4243\n4250\n');
    tree.set(fileOf(tree, 'cpu.stat'), 'usage_usec 5\nuser_usec 3\nsystem_usec 2\n');
    expect(read(tree)).toMatchObject({
      cpuMicroseconds: 5,
      cpuPeriods: null,
      memoryPeakBytes: null,
      processes: 3,
      processesLimit: null,
      readBytes: null,
      cpuStall: null,
      memoryStall: { some: 0 },
      missing: [],
    });
  });

  it('does without pressure when it is switched off', () => {
    const calls = new TreeCalls(readTree('v2-cgroupfs'));
    calls.before = (call, file) => {
      if (call === 'read' && file.endsWith('.pressure')) throw systemError('EOPNOTSUPP');
    };
    using reader = open(calls);
    expect(reader.read()).toMatchObject({ ...noStalls, missing: [] });
  });

  it('reads nothing written to disks yet as nothing', () => {
    const tree = readTree('v2-cgroupfs');
    tree.set(fileOf(tree, 'io.stat'), '');
    expect(read(tree)).toMatchObject({ readBytes: 0, writtenBytes: 0, missing: [] });
  });

  it('says so when the cgroup cannot be seen from here', () => {
    const tree = readTree('v2-cgroupfs');
    tree.set('/proc/4242/cgroup', `0::/../docker/${recordedId}\n`);
    expect(read(tree)?.missing.map(({ source }) => source)).toEqual(['cpu', 'memory']);
  });
});

/** The figures that each file gives. */
const figuresOf: Readonly<Record<string, readonly (keyof ContainerSample)[]>> = {
  'cpuacct.usage': ['cpuMicroseconds'],
  'cpu.stat': ['cpuMicroseconds', 'throttledMicroseconds'],
  'memory.current': ['memoryBytes'],
  'memory.usage_in_bytes': ['memoryBytes'],
  'memory.stat': ['memoryBytes'],
  'memory.max': ['memoryLimitBytes'],
  'memory.limit_in_bytes': ['memoryLimitBytes'],
  'memory.peak': ['memoryPeakBytes'],
  'memory.max_usage_in_bytes': ['memoryPeakBytes'],
  'memory.events': ['outOfMemoryKills'],
  'memory.oom_control': ['outOfMemoryKills'],
  'pids.current': ['processes'],
  'pids.max': ['processesLimit'],
  'pids.events': ['processLimitHits'],
  'blkio.throttle.io_service_bytes': ['readBytes', 'writtenBytes'],
  'io.stat': ['readBytes', 'writtenBytes'],
  dev: ['receivedBytes', 'sentBytes'],
  'cpu.pressure': ['cpuStall'],
};

describe.each(['v1-cgroupfs', 'v2-systemd'])('a damaged file of %s', (name) => {
  const names = Object.keys(figuresOf).filter((file) =>
    [...readTree(name).keys()].some((key) => key.endsWith(`/${file}`)),
  );

  it.each(names)('%s: empty, cut off at any byte, or nonsense, its figures are missing or as they were', (file) => {
    const tree = readTree(name);
    const key = fileOf(tree, file);
    const text = tree.get(key) ?? '';
    const good = read(tree);
    // A list of interfaces or devices that ends with a whole line is a shorter list.
    const isList = ['dev', 'io.stat', 'cpu.pressure'].includes(file);
    const damaged = [...text].map((_, index) => text.slice(0, index)).filter((cut) => !isList || !cut.endsWith('\n'));
    damaged.push('garbage\n', '-5\n', '1e3\n', '\n', '99999999999999999999999\n', 'usage_usec lots\n', '\0\0\0\n');
    for (const damage of damaged) {
      // Nothing has been read or written yet.
      if (file === 'io.stat' && (damage === '' || (damage.endsWith('\n') && !damage.includes('bytes=')))) continue;
      tree.set(key, damage);
      const sample = read(tree);
      const isGap = sample?.missing.length === 1;
      for (const figure of figuresOf[file] ?? []) {
        if (isGap) expect(sample?.[figure], `${figure} of ${JSON.stringify(damage)}`).toBeNull();
        // Cut off at the end of a line that says it, the figure is whole.
        else
          expect(
            [null, good?.[figure]].some((value) => equal(value, sample?.[figure])),
            JSON.stringify(damage),
          ).toBe(true);
      }
      if (damage === '' || !damage.endsWith('\n')) expect(isGap, JSON.stringify(damage)).toBe(true);
    }
  });

  // @promise true-figures
  it.each(names)('%s: forbidden, its figures are missing with the reason, and the rest is read', (file) => {
    const calls = new TreeCalls(readTree(name));
    const key = fileOf(calls.tree, file);
    calls.before = (call, path) => {
      if (call === 'open' && path === key) throw systemError('EACCES');
    };
    using reader = open(calls);
    const sample = reader.read();
    expect(sample?.missing).toEqual([{ source: expect.any(String), reason: expect.stringContaining('EACCES') }]);
    for (const figure of figuresOf[file] ?? []) expect(sample?.[figure]).toBeNull();
    const others = Object.values(sample ?? {}).filter((value) => value !== null);
    expect(others.length).toBeGreaterThan(8);
  });
});

const equal = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

describe('a container that vanishes', () => {
  it('is null when its process is not there, or is another container', () => {
    const calls = new TreeCalls(readTree('v2-cgroupfs'));
    expect(ContainerReader.open(hostOf(calls), 4243, recordedId)).toBeNull();
    expect(ContainerReader.open(hostOf(calls), recordedPid, recordedId.replace(/^5/, '6'))).toBeNull();
    expect(calls.left).toBe(0);
  });

  it.each(recordedTrees)('is null at whatever call of whatever round it goes, and leaves nothing open: %s', (name) => {
    for (let last = 0; ; last += 1) {
      const calls = new TreeCalls(readTree(name));
      let count = 0;
      calls.before = () => {
        count += 1;
        if (count > last) calls.tree.clear();
      };
      const host = hostOf(calls);
      const reader = ContainerReader.open(host, recordedPid, recordedId);
      const samples = [reader?.read(), reader?.read()];
      reader?.[Symbol.dispose]();
      expect([calls.left, host.files.open]).toEqual([0, 0]);
      if (calls.tree.size > 0) break;
      const lost = samples.findIndex((sample) => sample === null || sample === undefined);
      expect(lost).toBeGreaterThanOrEqual(0);
      // Before it went, the figures are those of a healthy one.
      for (const sample of samples.slice(0, lost)) expect(sample).toEqual(read(readTree(name)));
    }
  });

  it('is not taken for gone when a file alone is missing', () => {
    const tree = readTree('v2-cgroupfs');
    tree.delete(fileOf(tree, 'memory.current'));
    expect(read(tree)).toMatchObject({
      memoryBytes: null,
      cpuMicroseconds: 8_678_729,
      missing: [{ source: 'memory' }],
    });
  });
});

describe('its files', () => {
  it('stay open between rounds, each read with one call', () => {
    const calls = new TreeCalls(readTree('hybrid-cgroupfs'));
    let counts = { open: 0, read: 0 };
    calls.before = (call) => {
      counts[call] += 1;
    };
    using reader = open(calls);
    reader.read();
    counts = { open: 0, read: 0 };
    reader.read();
    expect(counts).toEqual({ open: 0, read: 15 });
  });

  it('are opened for each read when too many are open already', () => {
    const calls = new TreeCalls(readTree('hybrid-cgroupfs'));
    using reader = open(calls, 3);
    const first = reader.read();
    expect(calls.left).toBe(3);
    expect(reader.read()).toEqual(first);
    expect(calls.left).toBe(3);
  });

  it('name its processes', () => {
    using reader = open(new TreeCalls(readTree('hybrid-cgroupfs')));
    expect(reader.pids()).toEqual([4242]);
  });
});
