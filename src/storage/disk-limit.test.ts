import { expect, it } from 'vitest';
import { parseMountTable } from '../lib/mount-table.ts';
import { diskLimitSupport } from './disk-limit.ts';

const info = (storageDriver: string) => ({
  name: 'engine',
  identity: '',
  version: '20.10',
  apiVersion: '1.41',
  architecture: 'x86_64',
  storageDriver,
  cgroupVersion: 2 as const,
  cgroupDriver: 'cgroupfs',
  cgroupParent: 'docker',
  cpus: 1,
  memoryBytes: 1,
  dataRoot: '/var/lib/docker',
  runtimes: [],
  securityOptions: [],
});
const mounts = (fileSystem: string, options: string) =>
  parseMountTable(`1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /var/lib rw - ${fileSystem} /dev/x ${options}\n`);

it.each([
  ['overlay2', 'ext4', 'rw', /only on xfs mounted with pquota, and \/var\/lib\/docker is on ext4$/],
  ['overlay2', 'xfs', 'rw,noquota', /\/var\/lib is mounted without it$/],
  ['vfs', 'xfs', 'rw,prjquota', /storage driver vfs cannot/],
])('says in one sentence why %s on %s (%s) has no disk limit', (driver, fileSystem, options, sentence) => {
  const support = diskLimitSupport(info(driver), mounts(fileSystem, options));
  expect(support).toMatchObject({ possible: false, reason: expect.stringMatching(sentence) });
});

it.each([
  ['overlay2', 'xfs', 'rw,prjquota'],
  ['btrfs', 'btrfs', 'rw'],
])('knows that %s on %s (%s) has one', (driver, fileSystem, options) => {
  expect(diskLimitSupport(info(driver), mounts(fileSystem, options))).toEqual({ possible: true });
});
