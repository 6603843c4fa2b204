import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { DummyEngine } from '../../engine/dummy/dummy-engine.ts';
import { engineIdentityFile, writeEngineIdentity } from '../../kernel/engine-identity.ts';
import { otherEngine } from './other-engine.ts';

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
