import { describe, expect, it } from 'vitest';
import { doctorContext } from '../../../test/support/doctor-context.ts';
import type { EngineInfo } from '../../engine/engine.ts';
import { parseMountTable } from '../../lib/mount-table.ts';
import { containerLimitsResult } from './container-limits-check.ts';

const mounts = parseMountTable('1 0 0:1 / / rw - ext4 /dev/x rw\n');
async function finding(
  wanted: { diskLimitBytes: number | null; openFiles: number | null },
  engine: Partial<EngineInfo> = {},
) {
  const context = await doctorContext(engine);
  const { settings } = context;
  const changed = { ...settings, defaults: { ...settings.defaults, ...wanted } };
  return containerLimitsResult({ ...context, settings: changed }, mounts, () => false);
}

describe('the limits of kernels', () => {
  it('are fine when none is wanted, and the reason why disks have none is shown all the same', async () => {
    expect(await finding({ diskLimitBytes: null, openFiles: null })).toEqual({
      state: 'ok',
      detail: expect.stringMatching(
        /^users: one of 2000000-2065535 each; open files: 20000; disk: no limit set, and none can be: .* is on ext4$/,
      ),
    });
  });

  it('are a warning with its keys when the engine cannot give them', async () => {
    expect(await finding({ diskLimitBytes: 2 ** 30, openFiles: 30_000 })).toMatchObject({
      state: 'warning',
      detail: expect.stringMatching(/^kernelet\.disk-limit .*; kernelet\.open-files = 30000 is capped to 20000/),
    });
  });

  it('are a warning when the engine leaves kernels no users of their own', async () => {
    const wanted = { diskLimitBytes: null, openFiles: null };
    expect(await finding(wanted, { mappedRoot: { uid: 100_000, gid: 100_000 } })).toMatchObject({
      state: 'warning',
      detail: expect.stringMatching(
        /^all kernels run as the user 1000, .* since the engine maps users .*\(userns-remap\)$/,
      ),
      fix: expect.stringContaining('container.kernel-uid = 1000'),
    });
  });
});
