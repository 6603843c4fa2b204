import { expect, it } from 'vitest';
import { doctorContext } from '../../../test/support/doctor-context.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type CgroupFiles, cgroupsResult } from './cgroups-check.ts';

const table = (memory: 0 | 1): string =>
  `#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t1\t1\nmemory\t4\t1\t${memory}\npids\t5\t1\t1\n`;
const version1: CgroupFiles = { unified: '', table: table(1), swapLimit: '9223372036854771712\n' };
const version2: CgroupFiles = { unified: 'cpuset cpu io memory pids\n', table: '', swapLimit: '' };

it('is fine with all controllers, of either version', async () => {
  expect(cgroupsResult(await doctorContext(), version2)).toEqual({ state: 'ok', detail: 'version 2, driver systemd' });
  expect(cgroupsResult(await doctorContext({ cgroupVersion: 1 }), version1).state).toBe('ok');
});

it('fails when one is missing or switched off, and says how to switch it on', async () => {
  for (const files of [
    { ...version1, table: table(0) },
    { ...version2, unified: 'cpu pids' },
  ]) {
    expect(cgroupsResult(await doctorContext(), files)).toMatchObject({
      state: 'failed',
      detail: "no memory controller: kernels can't be limited",
      fix: expect.stringContaining('cgroup_enable=memory'),
    });
  }
});

it('warns when swap is not counted, which only version 1 can leave out', async () => {
  const files = { ...version1, swapLimit: '' };
  expect(cgroupsResult(await doctorContext({ cgroupVersion: 1 }), files)).toMatchObject({
    state: 'warning',
    detail: expect.stringContaining('swap is not counted'),
  });
});

it('shows what the system can do when the engine does not answer', () => {
  const engine = new KerneletError('ENGINE_UNAVAILABLE', 'x');
  expect(cgroupsResult({ engine }, version2)).toEqual({ state: 'ok', detail: 'cpu, memory, pids can be limited' });
});
