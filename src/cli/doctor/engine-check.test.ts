import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { doctorContext } from '../../../test/support/doctor-context.ts';
import { DummyEngine } from '../../engine/dummy/dummy-engine.ts';
import { engineIdentityFile, writeEngineIdentity } from '../../kernel/reconciliation/engine-identity.ts';
import { KerneletError } from '../../lib/errors.ts';
import { engineCheck, otherEngine } from './engine-check.ts';

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

it('tells another engine by the mark, where there are kernels', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-doctor-'));
  try {
    const signal = AbortSignal.timeout(5_000);
    const engine = new DummyEngine();
    const info = await engine.info(signal);
    const look = (): Promise<string | null> => otherEngine(folder, engine, info, signal);
    expect(await look()).toBeNull();
    const { identity, dataRoot } = info;
    const known = {
      version: 1,
      address: 'memory',
      identity,
      dataRoot,
      markName: 'kernelet-1',
      mark: 'm1',
      acceptedAt: null,
    } as const;
    await writeEngineIdentity(engineIdentityFile(folder), known);
    expect(await look()).toBeNull();
    await mkdir(path.join(folder, 'kernels', 'one'), { recursive: true });
    expect(await look()).toContain('has lost its data');
    await engine.leaveMark('kernelet-1', 'm1', signal);
    expect(await look()).toBeNull();
  } finally {
    await rm(folder, { recursive: true });
  }
});
