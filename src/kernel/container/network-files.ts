/**
 * A kernel's own copies of the network files of a network that it joins, which are mounted read-only over the network's:
 * those are root's, and the image's root, or the runner led by an image's links, would write them for the next kernel.
 */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerMount } from '../../engine/engine.ts';
import { KerneletError } from '../../lib/errors.ts';
import { networkFileNames } from '../../network/prewarmed-network.ts';
import type { ScratchPaths } from '../../storage/scratch.ts';
import type { NetworkLeases } from '../leases.ts';
import type { KernelRecord } from '../record.ts';

/** The mounts of a container that joins a prewarmed network. */
export function networkFileMounts({ networkFiles }: Pick<ScratchPaths, 'networkFiles'>): readonly ContainerMount[] {
  return networkFileNames.map((name) => ({ source: join(networkFiles, name), target: `/etc/${name}`, readOnly: true }));
}

/** Writes the copies of a record that joins one, from what is remembered of it. Throws the system's error. */
export async function writeNetworkFiles(
  { spec, placement }: KernelRecord,
  { networkFiles }: Pick<ScratchPaths, 'networkFiles'>,
  prewarmedNetworks: Pick<NetworkLeases, 'networkFilesOf'>,
): Promise<void> {
  await rm(networkFiles, { recursive: true, force: true });
  if (placement.prewarmedNetwork === null) return;
  const files = prewarmedNetworks.networkFilesOf(spec.id);
  if (!files) throw new KerneletError('INTERNAL', 'the network that the kernel is to join is not held for it');
  await mkdir(networkFiles);
  await chmod(networkFiles, 0o755);
  const write = async (name: (typeof networkFileNames)[number]): Promise<void> => {
    const path = join(networkFiles, name);
    await writeFile(path, files[name].content, { flag: 'wx' });
    await chmod(path, mode);
  };
  await Promise.all(networkFileNames.map(write));
}

/** The tenant reads them, whatever the process's umask is. */
const mode = 0o644;
