/**
 * Files of this machine that kernels of a cluster see: its time zone, and, where lxcfs runs, how many CPUs and how much
 * memory a container has (spec kernel-lifecycle 6, group A). Looked at for each container, since lxcfs comes and goes.
 */
import { join } from 'node:path';
import type { ContainerMount } from '../../engine/engine.ts';
import type { ForeignFiles } from '../file-systems/file-systems.ts';
import type { FoundFile } from '../file-systems/path-walk.ts';

const zoneFiles = ['/etc/localtime', '/etc/timezone'];
/** Those of `/proc` that engines let be mounted over. */
const processFiles = ['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg', 'slabinfo'];
const cpuFolder = '/sys/devices/system/cpu';

/**
 * The mounts, without those whose files are not there, or lie on a file system that does not answer: lxcfs is one of user
 * space. Never rejects. `root` replaces `/`, for tests.
 */
export async function lxcfsMounts(files: Pick<ForeignFiles, 'find'>, root = '/'): Promise<readonly ContainerMount[]> {
  const view = async (source: string, target: string, suits: (found: FoundFile) => boolean) => {
    const found = await files.find(source).catch(() => null);
    return found && suits(found) ? [{ source, target, readOnly: true }] : [];
  };
  const zones = zoneFiles.map((path) => view(join(root, path), path, ({ kind }) => kind === 'file'));
  const lxcfs = join(root, 'var/lib/lxcfs');
  if ((await files.find(lxcfs).catch(() => null)) === null) return (await Promise.all(zones)).flat();
  const figures = processFiles.map((name) =>
    view(join(lxcfs, 'proc', name), `/proc/${name}`, ({ kind, size }) => kind === 'file' && size > 0),
  );
  const cpus = view(join(lxcfs, cpuFolder), cpuFolder, ({ kind }) => kind === 'folder');
  return (await Promise.all([...zones, ...figures, cpus])).flat();
}
