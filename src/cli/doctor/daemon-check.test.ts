import { expect, it } from 'vitest';
import { doctorContext } from '../../../test/support/doctor-context.ts';
import { daemonCheck } from './daemon-check.ts';

it('says what the daemon lacks, and that none answers', async () => {
  const context = await doctorContext();
  const daemon = { kernels: 1, ociRuntimes: [], degraded: [] };
  expect(await daemonCheck.run({ ...context, daemon: null })).toMatchObject({ state: 'ok', detail: 'none answers' });
  expect(await daemonCheck.run({ ...context, daemon })).toMatchObject({ state: 'ok' });
  const degraded = [{ mode: 'disk', since: Date.UTC(2026, 0, 2), detail: 'it is full' }] as const;
  expect(await daemonCheck.run({ ...context, daemon: { ...daemon, degraded } })).toMatchObject({
    state: 'warning',
    detail: 'it is degraded: disk since 2026-01-02T00:00:00.000Z: it is full',
  });
});
