import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { parseMountTable } from '../../lib/mount-table.ts';
import type { DoctorContext } from './check.ts';
import { kernelLimitsFinding } from './kernel-limits-check.ts';

const mounts = parseMountTable('1 0 0:1 / / rw - ext4 /dev/x rw\n');
const info = {
  name: 'engine',
  version: '20.10',
  apiVersion: '1.41',
  architecture: 'x86_64',
  storageDriver: 'overlay2',
  cgroupVersion: 1 as const,
  cgroupDriver: 'cgroupfs',
  cpus: 1,
  memoryBytes: 1,
  dataRoot: '/var/lib/docker',
  runtimes: [],
  securityOptions: [],
  openFilesLimit: 20_000,
};

async function finding(wanted: { diskLimitBytes: number | null; openFiles: number | null }) {
  const { settings } = await loadSettings({ environ: {}, homeDir: '/nowhere', uid: 0, gid: 0 });
  const context: DoctorContext = {
    settings: { ...settings, defaults: { ...settings.defaults, ...wanted } },
    engine: { address: 'unix:///x', info },
    userId: 0,
    signal: AbortSignal.timeout(1000),
  };
  return kernelLimitsFinding(context, mounts);
}

describe('the limits of kernels', () => {
  it('are fine when none is wanted, and the reason why disks have none is told all the same', async () => {
    expect(await finding({ diskLimitBytes: null, openFiles: null })).toEqual({
      state: 'ok',
      detail: expect.stringMatching(/^open files: 20000; disk: no limit set, and none can be: .* is on ext4$/),
    });
  });

  it('are a warning with its keys when the engine cannot give them', async () => {
    expect(await finding({ diskLimitBytes: 2 ** 30, openFiles: 30_000 })).toMatchObject({
      state: 'warning',
      detail: expect.stringMatching(/^kernelet\.disk-limit .*; kernelet\.open-files = 30000 is capped to 20000/),
    });
  });
});
