import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineInfo } from '../../test/support/engine-fixtures.ts';
import type { EngineInfo } from '../engine/engine.ts';
import { checkUser } from './user-check.ts';

const limited = { noCpuLimit: false, noMemoryLimit: false, noProcessLimit: false };
const root = { id: 0, isMapped: false };
const mappedRoot = { id: 0, isMapped: true };
const user = { id: 1000, isMapped: false };

const engineWith = (change: Partial<EngineInfo> = {}, address = 'unix:///nonexistent') => ({
  address,
  info: async () => engineInfo(change),
});
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringMatching(message) });

describe('the user of a node', () => {
  it('is root, whose engine is not even asked', async () => {
    const silent = { address: 'unix:///nonexistent', info: () => Promise.reject(new Error('it was asked')) };
    await checkUser(silent, limited, root);
    await checkUser(engineWith(), limited, mappedRoot);
  });

  it('is refused where it is somebody else, and told what to do', async () => {
    await expect(checkUser(engineWith(), limited, user)).rejects.toThrow(refusal(/user 1000.*sudo/));
  });

  it('is refused outside of the namespaces of an engine without root, be it root or not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kernelet-user-check-'));
    try {
      const socket = join(folder, 'docker.sock');
      await writeFile(socket, '');
      await chown(socket, 1000, 1000);
      const engine = engineWith({ isRootless: true }, `unix://${socket}`);
      for (const self of [user, root]) {
        await expect(checkUser(engine, limited, self)).rejects.toThrow(refusal(/without root.*nsenter --user/));
      }
      await checkUser(engine, limited, mappedRoot);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is refused where an engine without root passes over limits, unless the operator accepts it', async () => {
    const engine = engineWith({ isRootless: true, enforced: { cpus: true, memory: false, processes: false } });
    await expect(checkUser(engine, limited, mappedRoot)).rejects.toThrow(
      refusal(/cannot limit memory, processes.*no-memory-limit, no-process-limit/),
    );
    await expect(checkUser(engine, { ...limited, noMemoryLimit: true }, mappedRoot)).rejects.toThrow(
      refusal(/cannot limit processes/),
    );
    await checkUser(engine, { ...limited, noMemoryLimit: true, noProcessLimit: true }, mappedRoot);
  });
});
