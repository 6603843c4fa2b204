import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doctorContext } from '../../../test/support/doctor-context.ts';
import { KerneletError } from '../../lib/errors.ts';
import { devicesResult } from './devices-check.ts';

describe('the devices', () => {
  it('are shown, also when the engine does not answer', async () => {
    const gone = await doctorContext(new KerneletError('ENGINE_UNAVAILABLE', 'gone'));
    expect(await devicesResult(gone, '/nowhere')).toEqual({ state: 'ok', detail: 'no accelerators' });
    const settings = { ...gone.settings, mode: 'cluster' as const };
    expect((await devicesResult({ ...gone, settings }, '/nowhere')).detail).toMatch(
      /^on offer: cpu \d+, mem [\d.]+ GiB$/,
    );
  });

  it('whose plugin has nothing to say for itself are a warning', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kernelet-doctor-'));
    try {
      const plugin = join(folder, 'npu.mjs');
      await writeFile(plugin, 'export const discover = () => { throw new Error("no card"); };');
      const context = await doctorContext();
      const settings = { ...context.settings, devicePlugins: [plugin] };
      expect(await devicesResult({ ...context, settings }, folder)).toMatchObject({
        state: 'warning',
        detail: expect.stringContaining('is off: the device plugin'),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
