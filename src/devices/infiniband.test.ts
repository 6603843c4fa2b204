import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { infinibandDevices, ownLockedBytes } from './infiniband.ts';

async function folderOf(...devices: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-infiniband-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of devices) expect(spawnSync('mknod', [join(folder, name), 'c', '1', '3']).status).toBe(0);
  return folder;
}

describe.runIf(process.geteuid?.() === 0)('devices of InfiniBand', () => {
  // @promise infiniband
  it('are all device files of the folder, and nothing else that lies there', async () => {
    const folder = await folderOf('uverbs0', 'rdma_cm', 'uverbs1');
    await mkdir(join(folder, 'by-path'));
    await writeFile(join(folder, 'file'), '');
    await symlink('/dev/mem', join(folder, 'umad0'));
    expect((await infinibandDevices(folder))?.nodes).toEqual(
      ['rdma_cm', 'uverbs0', 'uverbs1'].map((name) => join(folder, name)),
    );
  });

  it('are none without a card, or without the folder', async () => {
    expect(await infinibandDevices(await folderOf('rdma_cm'))).toBeNull();
    expect(await infinibandDevices('/nowhere')).toBeNull();
  });
});

it('programs may lock for devices what the agent itself may', () => {
  const line = (hard: string) =>
    `Max processes  1  2  processes\nMax locked memory         65536                ${hard}  bytes\n`;
  expect([line('8388608'), line('unlimited'), ''].map(ownLockedBytes)).toEqual([
    8_388_608,
    Number.POSITIVE_INFINITY,
    0,
  ]);
});
