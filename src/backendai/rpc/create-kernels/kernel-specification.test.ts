import { describe, expect, it } from 'vitest';
import { kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { requestedMounts } from './kernel-specification.ts';
import { kernelConfig } from './request.ts';

const folder = {
  name: 'data',
  vfid: 'x',
  vfsubpath: '.',
  host_path: '/vfroot/a/b',
  kernel_path: '/home/work/data',
  mount_perm: 'rw',
  usage_mode: 'general',
};
const mounts = (list: readonly object[], internal: object | null = null) =>
  requestedMounts(kernelConfig.parse(kernelConfigFixture({ mounts: list, internal_data: internal } as never)));

describe('the mounts of a requested kernel', () => {
  it('go by the path of the host, with what their permission allows', () => {
    expect(
      mounts([
        { ...folder, host_path: '/vfroot/a/b/.', mount_perm: 'ro' },
        { ...folder, host_path: '/vfroot/a/b/sub/./x', vfsubpath: 'sub/x', kernel_path: '/home/work/x/' },
        { ...folder, kernel_path: '/home/work/deletable', mount_perm: 'wd' },
      ]),
    ).toEqual([
      { source: '/vfroot/a/b', target: '/home/work/data', readOnly: true, within: '/vfroot/a/b' },
      { source: '/vfroot/a/b/sub/x', target: '/home/work/x', readOnly: false, within: '/vfroot/a/b' },
      { source: '/vfroot/a/b', target: '/home/work/deletable', readOnly: false, within: '/vfroot/a/b' },
    ]);
  });

  it('count once where they are given twice, and may be different folders of one', () => {
    const twice = [{ ...folder, mount_perm: 'ro' }, folder, { ...folder, kernel_path: '/home/work/other' }];
    expect(mounts(twice)).toMatchObject([
      { target: '/home/work/data', readOnly: false },
      { target: '/home/work/other', readOnly: false },
    ]);
  });

  it('are that of logs alone where no others are wanted', () => {
    const logs = { ...folder, name: '.logs', kernel_path: '/home/work/.logs' };
    expect(mounts([folder, logs], { prevent_vfolder_mounts: true })).toMatchObject([{ target: '/home/work/.logs' }]);
  });
});
