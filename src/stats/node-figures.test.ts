import { describe, expect, it } from 'vitest';
import { Decimal } from '../lib/decimal.ts';
import { definitionOf, type NodeCollector } from './measure.ts';
import { nodeMeasures } from './measure-kinds.ts';
import { nodeCpu, parseCpuTimes } from './node/node-cpu.ts';
import { disksOf, nodeDisk } from './node/node-disk.ts';
import { parseMemory } from './node/node-memory.ts';
import { nodeNetwork } from './node/node-network.ts';
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

describe('the measures of the node', () => {
  it('are those of CPUs by their numbers, with time since the round before as capacity', async () => {
    const figures = new NodeFigures([nodeCpu(texts(stat(100, 50), stat(200, 100)))]);
    await figures.round(10, signal);
    await figures.round(15.0004, signal);
    expect(figures.metrics()).toEqual({
      node: { cpu_util: { current: '1500', capacity: '5000.4', pct: '30', unit_hint: 'msec' } },
      devices: {
        cpu_util: {
          '0': { current: '1500', capacity: '5000.4', pct: '30', unit_hint: 'msec' },
          '3': { current: '0', capacity: '5000.4', pct: '0', unit_hint: 'msec' },
        },
      },
    });
  });

  it('are bytes a second for the network, loopback included', async () => {
    const figures = new NodeFigures([nodeNetwork(texts(net(100), net(1100)))]);
    await figures.round(0, signal);
    expect(figures.metrics().node).toMatchObject({ net_rx: { current: '0' }, net_tx: { current: '0' } });
    await figures.round(5, signal);
    expect(figures.metrics().node).toMatchObject({ net_rx: { current: '200', capacity: null, pct: '0.00' } });
  });

  it('do without a collector that fails, and say so', async () => {
    const good: NodeCollector = {
      name: 'good',
      collect: async () => [
        {
          key: 'x',
          definition: definitionOf(nodeMeasures.disk, false),
          value: new Decimal(1),
          capacity: null,
          devices: new Map(),
        },
      ],
    };
    const figures = new NodeFigures([nodeCpu(texts('nonsense')), good]);
    await figures.round(0, signal);
    expect(figures.gaps).toEqual([{ source: 'node cpu', reason: expect.stringContaining('/proc/stat is cut off') }]);
    expect(Object.keys(figures.metrics().node)).toEqual(['x']);
  });
});

describe('reading', () => {
  it('/proc/stat adds user and system time', () => {
    expect([...parseCpuTimes(stat(100, 50))]).toEqual([
      ['0', 1500],
      ['3', 500],
    ]);
    expect(() => parseCpuTimes('cpu  1 2 3\n')).toThrow('/proc/stat has no CPU');
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
      mount('/dev/vdd1', '/boot', 'vfat'),
      mount('overlay', '/merged', 'overlay'),
      mount('server:/', '/nfs', 'nfs4'),
      mount('pool', '/zfs', 'zfs'),
      mount('none', '/none', 'ext4'),
    ].join('');
    expect(disksOf(mounts, fileSystems, '/var/lib/engine')).toEqual([
      { device: '/dev/vda1', mountPoint: '/' },
      { device: '/dev/vdb1', mountPoint: '/with blank' },
      { device: 'pool', mountPoint: '/zfs' },
    ]);
  });

  it('that do not answer are left out, and not asked again until they have', async () => {
    const hanging = Promise.withResolvers<{ used: number; size: number }>();
    const asked: string[] = [];
    const collector = nodeDisk({
      mounts: texts(mount('/dev/a', '/a', 'ext4') + mount('/dev/b', '/b', 'ext4')),
      fileSystems: texts(fileSystems),
      engineRoot: () => Promise.reject(new Error('the engine is away')),
      spaceOf: (place) => {
        asked.push(place);
        return place === '/b' ? hanging.promise : Promise.resolve({ used: 30, size: 100 });
      },
    });
    const figures = new NodeFigures([collector]);
    await figures.round(0, signal);
    await figures.round(1, signal);
    expect(figures.metrics().node).toMatchObject({ disk: { current: '30', capacity: '100', pct: '30' } });
    expect(asked).toEqual(['/a', '/b', '/a']);
    hanging.resolve({ used: 5, size: 10 });
    await new Promise((resolve) => setImmediate(resolve));
    await figures.round(2, signal);
    expect(figures.metrics().node).toMatchObject({ disk: { current: '35', capacity: '110' } });
    expect(Object.keys(figures.metrics().devices['disk'] ?? {})).toEqual(['/dev/a', '/dev/b']);
  });
});
