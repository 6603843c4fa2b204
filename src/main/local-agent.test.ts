import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DefaultAgent } from '../agent/default-agent.ts';
import { KerneletError } from '../lib/errors.ts';
import { silentLogger } from '../lib/log.ts';
import { openStateFolder } from '../storage/state-folder.ts';
import { clearInstances, removeInstance } from './local-agent.ts';

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-instances-'));
  folder = join(root, 'one');
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('clearInstances', () => {
  it('accepts another engine for what an ended command left', async () => {
    const left = join(root, 'instances', 'left');
    await (await openStateFolder(left, { mounts: [] }))[Symbol.asyncDispose]();
    await mkdir(join(left, 'kernels', 'x'), { recursive: true });
    let isAccepted = false;
    const agent = {
      start: async () => {
        if (!isAccepted) throw new KerneletError('ENGINE_CHANGED', 'another');
      },
      acceptEngine: async () => {
        isAccepted = true;
      },
      list: async () => [{ id: 'x' }],
      destroy: async () => await rm(join(left, 'kernels', 'x'), { recursive: true }),
      [Symbol.asyncDispose]: async () => {},
    } as unknown as DefaultAgent;
    const signal = AbortSignal.timeout(5_000);
    await clearInstances({ settings: { stateDir: root }, open: async () => agent, log: silentLogger, signal });
    expect(isAccepted).toBe(true);
    expect(await readdir(join(root, 'instances'))).toEqual([]);
  });
});

describe('removeInstance', () => {
  it('removes the folder of an agent that has ended', async () => {
    await (await openStateFolder(folder, { mounts: [] }))[Symbol.asyncDispose]();
    expect(await removeInstance(folder)).toBe(true);
    expect(await readdir(root)).toEqual([]);
  });

  it('leaves a folder that is in use', async () => {
    await using state = await openStateFolder(folder, { mounts: [] });
    await expect(removeInstance(folder)).rejects.toMatchObject({ code: 'STATE_LOCKED' });
    expect(await readdir(state.path)).toContain('secret');
  });

  it('leaves a folder with a kernel whose container could not be removed: its secret is the proof', async () => {
    const state = await openStateFolder(folder, { mounts: [] });
    await mkdir(join(state.kernels, 'x'));
    await state[Symbol.asyncDispose]();
    expect(await removeInstance(folder)).toBe(false);
    expect(await readdir(folder)).toContain('secret');
  });
});
