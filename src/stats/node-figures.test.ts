import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { FreeSpace } from '../lib/disk-space.ts';
import { disksOf, nodeCpu, nodeDisk, nodeNetwork, parseCpuTicks, parseMemory } from './node-collectors.ts';
import { NodeFigures } from './node-figures.ts';

const signal = new AbortController().signal;
const texts = (...all: readonly string[]) => {
  const left = [...all];
  return { read: () => (left.length > 1 ? left.shift() : left[0]) ?? '' };
};
const stat = (user: number, system: number) =>
  `cpu  1 2 3 4\ncpu0 ${user} 7 ${system} 9 9 9 9\ncpu3 20 7 30 9 9 9 9\nintr 5\nctxt 6\n`;
const net = (bytes: number) =>
  `Inter-|   Receive |  Transmit\n face |bytes packets|bytes\n    lo: ${bytes} 0 0 0 0 0 0 0 ${bytes} 0 0 0 0 0 0 0\n  eth0:1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\n`;

describe('the figures of the node', () => {
  it('are those of CPUs by their numbers, with the time since the round before as capacity', async () => {
    const figures = new NodeFigures([nodeCpu(texts(stat(100, 50), stat(200, 100)))]);
    await figures.round(10, signal);
    expect(figures.figures().cpuSeconds).toMatchObject({ value: 2, capacity: 0, perSecond: null });
    await figures.round(15, signal);
    expect(figures.figures()).toMatchObject({
      cpuSeconds: {
        value: 3.5,
        capacity: 5,
        perSecond: 0.3,
        parts: { '0': { value: 3, capacity: 5 }, '3': { value: 0.5, capacity: 5 } },
      },
      memoryBytes: null,
    });
  });

  it('are bytes, and bytes a second, for the network, loopback included', async () => {
    const figures = new NodeFigures([nodeNetwork(texts(net(100), net(1100)))]);
    await figures.round(0, signal);
    expect(figures.figures().sentBytes).toEqual({ value: 102, capacity: null, perSecond: null, parts: {} });
    await figures.round(5, signal);
    expect(figures.figures()).toMatchObject({
      receivedBytes: { value: 1101, perSecond: 200 },
      sentBytes: { value: 1102, perSecond: 200 },
    });
  });

  it('do without a collector that fails, and say so; what it measured before is still known', async () => {
    const network = nodeNetwork(texts(net(100), net(1100)));
    const figures = new NodeFigures([nodeCpu(texts(stat(100, 50), 'nonsense')), network]);
    await figures.round(0, signal);
    await figures.round(5, signal);
    expect(figures.missing).toEqual([{ source: 'node cpu', reason: expect.stringContaining('/proc/stat is cut off') }]);
    expect(figures.latest.map(({ figure }) => figure)).toEqual(['receivedBytes', 'sentBytes']);
    expect(figures.readings.map(({ figure, at }) => [figure, at])).toEqual([
      ['cpuSeconds', 0],
      ['receivedBytes', 5],
      ['sentBytes', 5],
    ]);
  });
});

describe('reading', () => {
  it('/proc/stat adds user and system time', () => {
    expect([...parseCpuTicks(stat(100, 50))]).toEqual([
      ['0', 150],
      ['3', 50],
    ]);
    expect(() => parseCpuTicks('cpu  1 2 3\n')).toThrow('/proc/stat has no CPU');
  });

  it('/proc/meminfo takes what is free where more is available than there is', () => {
    const info = (available: number) => `MemTotal: 100 kB\nMemFree:  30 kB\nMemAvailable: ${available} kB\n`;
    expect(parseMemory(info(60))).toEqual({ usedBytes: 40 * 1024, totalBytes: 100 * 1024 });
    expect(parseMemory(info(600))).toEqual({ usedBytes: 70 * 1024, totalBytes: 100 * 1024 });
    expect(() => parseMemory('MemTotal: 100 kB\n')).toThrow('/proc/meminfo has no line MemAvailable');
  });
});

const mount = (source: string, place: string, type: string) => `36 35 98:0 / ${place} rw - ${type} ${source} rw\n`;
const fileSystems = 'nodev\ttmpfs\nnodev\toverlay\nnodev\tnfs4\n\text4\n\tvfat\n\txfs\n';

describe('disks', () => {
  it('are real file systems, each device once, none of the engine', () => {
    const mounts = [
      mount('/dev/vda1', '/', 'ext4'),
      mount('/dev/vda1', '/again', 'ext4'),
      mount('/dev/vdb1', '/with\\040blank', 'xfs'),
      mount('/dev/vdc1', '/var/lib/engine/x', 'xfs'),
      mount('/dev/vde1', '/run/engine/moby/ID', 'xfs'),
      mount('/dev/vdd1', '/boot', 'vfat'),
      mount('overlay', '/merged', 'overlay'),
      mount('server:/', '/nfs', 'nfs4'),
      mount('pool', '/zfs', 'zfs'),
      mount('none', '/none', 'ext4'),
    ].join('');
    expect(disksOf(mounts, fileSystems, ['/run/engine/moby', '/var/lib/engine'])).toEqual([
      { device: '/dev/vda1', mountPoint: '/' },
      { device: '/dev/vdb1', mountPoint: '/with blank' },
      { device: 'pool', mountPoint: '/zfs' },
    ]);
  });

  it('that may not be asked are left out', async () => {
    const collector = nodeDisk({
      mounts: texts(mount('/dev/a', '/a', 'ext4') + mount('/dev/b', '/b', 'ext4')),
      fileSystems: texts(fileSystems),
      engineMounts: [],
      clock: new FakeClock(),
      engineRoot: async () => '/none',
      spaceOf: async (place) => {
        if (place === '/a') throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
        return { free: 70, total: 100 };
      },
    });
    const figures = new NodeFigures([collector]);
    await figures.round(0, signal);
    expect(figures.figures().diskBytes).toMatchObject({ value: 30, capacity: 100 });
    expect(Object.keys(figures.figures().diskBytes?.parts ?? {})).toEqual(['/dev/b']);
  });

  it('that do not answer are left out, and not asked again until they have', async () => {
    const hanging = Promise.withResolvers<FreeSpace>();
    const asked: string[] = [];
    const clock = new FakeClock();
    const collector = nodeDisk({
      mounts: texts(mount('/dev/a', '/a', 'ext4') + mount('/dev/b', '/b', 'ext4') + mount('/dev/c', '/c', 'ext4')),
      fileSystems: texts(fileSystems),
      engineMounts: ['/c'],
      clock,
      engineRoot: () => Promise.reject(new Error('the engine is away')),
      spaceOf: (place) => {
        asked.push(place);
        return place === '/b' ? hanging.promise : Promise.resolve({ free: 70, total: 100 });
      },
    });
    const figures = new NodeFigures([collector]);
    const first = figures.round(0, signal);
    await clock.advance(1_999);
    expect(figures.figures().diskBytes).toBeNull();
    await clock.advance(1);
    await first;
    await figures.round(1, signal);
    expect(figures.figures().diskBytes).toMatchObject({ value: 30, capacity: 100, perSecond: null });
    expect(asked).toEqual(['/a', '/b', '/a']);
    hanging.resolve({ free: 5, total: 10 });
    await new Promise((resolve) => setImmediate(resolve));
    await figures.round(2, signal);
    expect(figures.figures().diskBytes).toMatchObject({ value: 35, capacity: 110 });
    expect(Object.keys(figures.figures().diskBytes?.parts ?? {})).toEqual(['/dev/a', '/dev/b']);
  });
});
