import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import type { CgroupMount } from './cgroup.ts';
import { reclaimMemory } from './memory-reclaim.ts';

const never = new AbortController().signal;
const container = 'c0ffee';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-reclaim-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A cgroup of plain files, and what gives it to the first process of a container. */
async function cgroup(version: 1 | 2, files: Readonly<Record<string, string>>, of = container) {
  const path = join(folder, 'group', `docker-${of}.scope`);
  await mkdir(path, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  await mkdir(join(folder, 'proc', '7'), { recursive: true });
  const line = version === 1 ? `6:memory:/docker-${of}.scope` : `0::/docker-${of}.scope`;
  await writeFile(join(folder, 'proc', '7', 'cgroup'), `${line}\n`);
  const mount: CgroupMount = {
    ...{ version, mountPoint: join(folder, 'group'), root: '/' },
    controllers: new Set(version === 1 ? ['memory'] : []),
  };
  const parts = { mounts: [mount], processRoot: join(folder, 'proc'), clock: systemClock, isPaused: () => true };
  const read = (name: string): Promise<string> => readFile(join(path, name), 'utf8');
  return { parts: { ...parts, pidOf: async (): Promise<number | null> => 7 }, read };
}

describe('memory of a container that is given back', () => {
  it('is asked for at once of version 1', async () => {
    const { parts, read } = await cgroup(1, { 'memory.usage_in_bytes': '4096\n', 'memory.force_empty': '' });
    expect(await reclaimMemory(container, parts, never)).toBe(0);
    expect(await read('memory.force_empty')).toBe('0');
  });

  it('is asked for in pieces of version 2, of which none is more than there is', async () => {
    const { parts, read } = await cgroup(2, { 'memory.current': '4096\n', 'memory.reclaim': '' });
    const aborted = AbortSignal.timeout(50);
    expect(await reclaimMemory(container, parts, aborted)).toBe(0);
    expect(await read('memory.reclaim')).toBe('4096');
  });

  it('is none of one that goes on meanwhile', async () => {
    const files = { 'memory.usage_in_bytes': '1', 'memory.force_empty': '' };
    const first = await cgroup(1, files);
    expect(await reclaimMemory(container, { ...first.parts, isPaused: () => false }, never)).toBeNull();
    expect(await first.read('memory.force_empty')).toBe('');
    const second = await cgroup(2, { 'memory.current': '4096\n', 'memory.reclaim': '' });
    let looks = 0;
    const isPaused = (): boolean => {
      looks += 1;
      return looks < 3;
    };
    expect(await reclaimMemory(container, { ...second.parts, isPaused }, never)).toBe(0);
    expect(looks).toBe(3);
  });

  it.each([1, 2] as const)(
    'is none where the kernel takes no such request, of version %s, and no file is made',
    async (version) => {
      const { parts, read } = await cgroup(version, { 'memory.usage_in_bytes': '1', 'memory.current': '1' });
      expect(await reclaimMemory(container, parts, never)).toBeNull();
      await expect(read('memory.force_empty')).rejects.toThrow('ENOENT');
      await expect(read('memory.reclaim')).rejects.toThrow('ENOENT');
    },
  );

  it('is never that of a process which is no container’s of this name, or is gone', async () => {
    const files = { 'memory.usage_in_bytes': '1', 'memory.force_empty': '' };
    const { parts, read } = await cgroup(1, files, 'another');
    expect(await reclaimMemory(container, parts, never)).toBeNull();
    expect(await reclaimMemory(container, { ...parts, pidOf: async () => null }, never)).toBeNull();
    expect(await read('memory.force_empty')).toBe('');
  });
});
