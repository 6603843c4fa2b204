import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { noProvision } from '../devices/device-provision.ts';
import { noPlacement } from './record.ts';
import { resourceDocument } from './resource-document.ts';

it('tells a manager what a kernel has, in plain decimals', () => {
  const placement = {
    ...noPlacement,
    devices: [
      ['cuda.shares', 'b', '0.50'],
      ['cpu', '4', '1'],
      ['mem', 'root', '4294967296'],
    ],
    provision: {
      ...noProvision,
      slots: [
        ['cuda.shares', 'count', '0.5'],
        ['cpu', 'count', '1'],
        ['mem', 'bytes', '4294967296'],
      ],
      attached: [['cuda', [{ device_id: 'b', model_name: 'A', data: { smp: 8, mem: 1024 } }]]],
    },
  } as const;
  const spec = specFixture({ mounts: [{ source: '/a', target: '/b', readOnly: true }] });
  expect(resourceDocument(recordFixture({ spec, placement }))).toEqual({
    resource_spec: {
      container_id: 'c1',
      slots: { 'cuda.shares': '0.5', cpu: '1', mem: '4294967296' },
      allocations: {
        cuda: { 'cuda.shares': { b: '0.5' } },
        cpu: { cpu: { 4: '1' } },
        mem: { mem: { root: '4294967296' } },
      },
      scratch_disk_size: 0,
      mounts: [{ type: 'bind', source: '/a', target: '/b', permission: 'ro', opts: {} }],
    },
    attached_devices: { cuda: [{ device_id: 'b', model_name: 'A', data: { smp: 8, mem: 1024 } }] },
  });
});
