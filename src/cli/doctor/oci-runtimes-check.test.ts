import { expect, it } from 'vitest';
import { doctorContext } from '../../../test/support/doctor-context.ts';
import type { OciRuntimeState } from '../../agent/oci-runtimes.ts';
import { KerneletError } from '../../lib/errors.ts';
import { ociRuntimesCheck } from './oci-runtimes-check.ts';

const refused: OciRuntimeState = {
  name: 'runsc',
  state: 'refused',
  detail: 'no kernel runs under the OCI runtime runsc',
};

async function found(engine: Parameters<typeof doctorContext>[0], ociRuntimes: readonly OciRuntimeState[] | null) {
  const context = await doctorContext(engine);
  const settings = { ...context.settings, ociRuntime: 'runsc', ociRuntimes: ['runsc', 'kata'] };
  return await ociRuntimesCheck.run({
    ...context,
    settings,
    daemon: ociRuntimes && { kernels: 0, ociRuntimes, degraded: [] },
  });
}

it('has nothing to say where the engine decides', async () => {
  expect(await ociRuntimesCheck.run(await doctorContext())).toMatchObject({ state: 'ok' });
});

it('says what the engine does not know, and that it cannot be asked', async () => {
  expect(await found({ runtimes: ['runc', 'runsc'] }, null)).toMatchObject({
    state: 'failed',
    detail: 'the engine has no OCI runtime kata; it knows runc, runsc',
  });
  expect(await found(new KerneletError('ENGINE_UNAVAILABLE', 'gone'), null)).toMatchObject({ state: 'warning' });
});

it('says what a daemon has found out', async () => {
  const engine = { runtimes: ['runc', 'runsc', 'kata'] };
  const usable = (name: string) => ({ name, state: 'usable', detail: '' }) as const;
  expect(await found(engine, [refused, usable('kata')])).toMatchObject({ state: 'failed', detail: refused.detail });
  expect(await found(engine, [usable('runsc')])).toMatchObject({
    state: 'warning',
    detail: 'nothing has tried kata yet',
  });
  expect(await found(engine, [usable('runsc'), usable('kata')])).toEqual({
    state: 'ok',
    detail: 'kernels run under runsc, kata',
  });
});
