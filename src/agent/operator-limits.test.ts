import { describe, expect, it } from 'vitest';
import { parseMountTable } from '../lib/mount-table.ts';
import { fitLimits } from './operator-limits.ts';

const info = {
  name: 'engine',
  identity: '',
  version: '20.10',
  apiVersion: '1.41',
  architecture: 'x86_64',
  storageDriver: 'overlay2',
  cgroupVersion: 1 as const,
  cgroupDriver: 'cgroupfs',
  cgroupParent: 'docker',
  cpus: 1,
  memoryBytes: 1,
  dataRoot: '/var/lib/docker',
  runtimes: [],
  securityOptions: [],
  openFilesLimit: 20_000,
};
const on = (fileSystem: string, options: string) =>
  parseMountTable(`1 0 0:1 / / rw - ${fileSystem} /dev/x ${options}\n`);

describe('fitLimits', () => {
  it('gives what the engine can', () => {
    const wanted = { diskBytes: 2 ** 30, openFiles: 20_000 };
    expect(fitLimits(wanted, info, on('xfs', 'rw,prjquota'))).toEqual({ limits: wanted, warnings: [] });
  });

  it('says what it cannot give, and leaves that out or caps it', () => {
    expect(fitLimits({ diskBytes: 2 ** 30, openFiles: 1_048_576 }, info, on('ext4', 'rw'))).toEqual({
      limits: { diskBytes: null, openFiles: 20_000 },
      warnings: [
        expect.stringMatching(/^kernelet\.disk-limit is not enforced: .* \/var\/lib\/docker is on ext4$/),
        'kernelet.open-files = 1048576 is capped to 20000, which is what the engine can give',
      ],
    });
  });

  it('believes an engine whose limit is not known, and wants nothing unasked', () => {
    const { openFilesLimit: _, ...silent } = info;
    expect(fitLimits({ diskBytes: null, openFiles: 1_048_576 }, silent, on('ext4', 'rw'))).toEqual({
      limits: { diskBytes: null, openFiles: 1_048_576 },
      warnings: [],
    });
  });
});
