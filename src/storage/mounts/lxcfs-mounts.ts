/**
 * Files of this machine that kernels of a cluster see: its time zone, and, where lxcfs runs, how many CPUs and how much
 * memory a container has (spec kernel-lifecycle 6, group A). Looked at for each container, since lxcfs comes and goes.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerMount } from '../../engine/engine.ts';
import { withDeadline } from '../../lib/deadline.ts';

const zoneFiles = ['/etc/localtime', '/etc/timezone'];
/** Those of `/proc` that engines let be mounted over. */
const processFiles = ['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg', 'slabinfo'];
const cpuFolder = '/sys/devices/system/cpu';
/** A file system of user space may hang. */
const patienceMs = 1000;

/** The mounts, without those whose files are not there. Never rejects. `root` replaces `/`, for tests. */
export async function lxcfsMounts(root = '/'): Promise<readonly ContainerMount[]> {
  const lxcfs = join(root, 'var/lib/lxcfs');
  const zones = zoneFiles.map((path) => view(join(root, path), path, ({ isFile }) => isFile));
  const figures = processFiles.map((name) =>
    view(join(lxcfs, 'proc', name), `/proc/${name}`, ({ isFile, size }) => isFile && size > 0),
  );
  const cpus = view(join(lxcfs, cpuFolder), cpuFolder, ({ isFile }) => !isFile);
  return (await Promise.all([...zones, ...figures, cpus])).filter((mount) => mount !== null);
}

async function view(
  source: string,
  target: string,
  suits: (facts: { readonly isFile: boolean; readonly size: number }) => boolean,
): Promise<ContainerMount | null> {
  const options = { what: `looking at ${source}`, timeoutMs: patienceMs };
  const facts = await withDeadline(options, () => stat(source)).catch(() => null);
  if (facts === null || !suits({ isFile: facts.isFile(), size: facts.size })) return null;
  return { source, target, readOnly: true };
}
