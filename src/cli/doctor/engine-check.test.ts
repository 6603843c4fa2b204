import { expect, it } from 'vitest';
import { doctorContext } from '../../../test/support/doctor-context.ts';
import { KerneletError } from '../../lib/errors.ts';
import { engineCheck } from './engine-check.ts';

it('shows which engine answers, and where', async () => {
  expect(await engineCheck.run(await doctorContext())).toEqual({
    state: 'ok',
    detail: 'engine 20.10 at unix:///x, API 1.41, overlay2',
  });
});

it('complains of one that is not the one that has the kernels', async () => {
  expect(await engineCheck.run(await doctorContext({}, 'it is another one'))).toEqual({
    state: 'failed',
    detail: 'it is another one',
    fix: expect.stringContaining('kernelet engine accept'),
  });
});

it('warns of one that filters no system calls', async () => {
  expect(await engineCheck.run(await doctorContext({ securityOptions: ['name=apparmor'] }))).toMatchObject({
    state: 'warning',
    detail: expect.stringContaining('seccomp is off'),
  });
});

it('says how to get one, or another, when none can be used', async () => {
  const absent = new KerneletError('ENGINE_UNAVAILABLE', 'nobody answers');
  expect(await engineCheck.run(await doctorContext(absent))).toMatchObject({
    state: 'failed',
    detail: 'nobody answers',
    fix: expect.stringContaining('apt-get install -y docker.io'),
  });
  const locked = new KerneletError('ENGINE_UNAVAILABLE', 'not for you', { context: { reason: 'EACCES' } });
  expect((await engineCheck.run(await doctorContext(locked))).fix).toBe('sudo kernelet doctor');
  const remote = new KerneletError('ENGINE_UNSUPPORTED', 'it is remote');
  expect((await engineCheck.run(await doctorContext(remote))).fix).toBe(remote.entry.cure);
});
