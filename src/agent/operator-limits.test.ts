import { describe, expect, it } from 'vitest';
import { engineInfo } from '../../test/support/engine-fixtures.ts';
import { parseMountTable } from '../lib/mount-table.ts';
import { diskLimitSupport, fitLimits } from './operator-limits.ts';

const info = engineInfo();
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

const below = (fileSystem: string, options: string) =>
  parseMountTable(`1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /var/lib rw - ${fileSystem} /dev/x ${options}\n`);

it.each([
  ['overlay2', 'ext4', 'rw', /only on xfs mounted with pquota, and \/var\/lib\/docker is on ext4$/],
  ['overlay2', 'xfs', 'rw,noquota', /\/var\/lib is mounted without it$/],
  ['vfs', 'xfs', 'rw,prjquota', /storage driver vfs cannot/],
])('says in one sentence why %s on %s (%s) has no disk limit', (driver, fileSystem, options, sentence) => {
  const support = diskLimitSupport({ ...info, storageDriver: driver }, below(fileSystem, options));
  expect(support).toMatchObject({ possible: false, reason: expect.stringMatching(sentence) });
});

it.each([
  ['overlay2', 'xfs', 'rw,prjquota'],
  ['btrfs', 'btrfs', 'rw'],
])('knows that %s on %s (%s) has one', (driver, fileSystem, options) => {
  expect(diskLimitSupport({ ...info, storageDriver: driver }, below(fileSystem, options))).toEqual({ possible: true });
});
