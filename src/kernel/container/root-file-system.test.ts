import { expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { temporaryFolders } from './root-file-system.ts';

const mount = (target: string) => ({ source: '/srv/x', target, readOnly: false });
const limits = { ...specFixture().limits, memoryBytes: 300 * 2 ** 20, sharedMemoryBytes: 44 * 2 ** 20 };

it('folders in memory leave a quarter of a kernel’s memory to its programs', () => {
  expect(temporaryFolders(specFixture({ readOnlyRoot: true, limits }), [])).toEqual({
    '/tmp': `rw,nosuid,nodev,exec,mode=1777,uid=1000,gid=1000,size=${128 * 2 ** 20}`,
    '/var/tmp': `rw,nosuid,nodev,exec,mode=1777,uid=1000,gid=1000,size=${32 * 2 ** 20}`,
    '/run': `rw,nosuid,nodev,noexec,mode=755,uid=1000,gid=1000,size=${32 * 2 ** 20}`,
  });
});

it.each([
  ['/tmp', ['/var/tmp', '/run']],
  ['/var', ['/tmp', '/run']],
  ['/tmp/below', ['/tmp', '/var/tmp', '/run']],
])('a mount of the request at %s takes the place of those there', (target, left) => {
  const spec = specFixture({ readOnlyRoot: true, mounts: [mount(target)] });
  expect(Object.keys(temporaryFolders(spec, []))).toEqual(left);
});

it.each([
  [['/var'], ['/tmp', '/run']],
  [['/tmp', '/run'], ['/var/tmp']],
])('none is mounted over the links %j of an image, which lead wherever it likes', (links, left) => {
  expect(Object.keys(temporaryFolders(specFixture({ readOnlyRoot: true }), links))).toEqual(left);
});

it('a root file system that can be written has none', () => {
  expect(temporaryFolders(specFixture({ readOnlyRoot: false }), [])).toEqual({});
});
