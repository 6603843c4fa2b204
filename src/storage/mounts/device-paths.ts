/**
 * Which paths of the host a device's plugin may bring into a kernel: device files, libraries and files to be read. A plugin
 * may be wrong, and nothing that it says may show a tenant what is the host's or kernelet's own, or cover what the kernel
 * needs (spec resources-and-stats 3).
 */

import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import { isAtOrBelow } from '../../lib/mount-table.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import type { ForeignFiles } from '../file-systems/file-systems.ts';
import type { FoundFile } from '../file-systems/path-walk.ts';
import { canonical, refuseMount } from './mount-policy.ts';

/** The paths of the host that a device brings into a kernel. */
export interface DevicePaths {
  readonly nodes: readonly string[];
  readonly hooks: readonly string[];
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
}

/** Neither they nor what is below them: secrets, sockets, and what is more than files. */
const secretFolders = ['/boot', '/dev', '/etc', '/home', '/proc', '/root', '/run', '/sys', '/var/run'];
/** Never as a whole; what lies below them may be shown. */
const wholeFolders = [
  '/',
  '/lib',
  '/lib64',
  '/media',
  '/mnt',
  '/opt',
  '/srv',
  '/tmp',
  '/usr',
  '/usr/lib',
  '/var',
  '/var/lib',
];
/** Of the kernel: neither they nor what is below them. */
const kernelTargets = ['/dev', '/etc', '/home', containerPaths.volume, containerPaths.kernel, '/proc', '/run', '/sys'];
/** Of the kernel: they and what is above them. */
const topTargets = ['/bin', '/lib', '/lib64', '/opt', '/sbin', '/tmp', '/usr/bin', '/usr/lib', '/usr/sbin', '/var'];
/** Character devices by which the host's memory, disks or log are had. */
const hostDevices =
  /^\/dev\/(mem|kmem|port|kmsg|oldmem|nvram|mcelog|snapshot|autofs|sg\d+|nvme\d+|ng\d+n\d+|mtd\d+(ro)?|watchdog\d*|loop-control|console|tty\d*)$|^\/dev\/(mapper|cpu|bsg|pts)\//;

/**
 * The paths with links resolved. `present` are the kernel's other mounts, `refuse` what is never shown. Throws FORBIDDEN_MOUNT,
 * naming the path, and FILE_SYSTEM_HUNG.
 */
export async function allowDevicePaths(
  { nodes, hooks, mounts }: DevicePaths,
  present: readonly { readonly target: string }[],
  refuse: readonly string[],
  files: Pick<ForeignFiles, 'find'>,
): Promise<DevicePaths> {
  const secret = [...refuse, ...(await Promise.all(refuse.map((path) => realpath(path).catch(() => path))))];
  checkTargets(mounts, present);
  if (new Set(hooks.map((path) => basename(path))).size < hooks.length) {
    throw refuseMount('two libraries of devices have one name', hooks.join(', '));
  }
  await Promise.all(nodes.map((path) => checkNode(path, files)));
  return {
    nodes,
    hooks: await Promise.all(hooks.map((path) => allowedSource(path, secret, 'library', files))),
    mounts: await Promise.all(
      mounts.map(async ({ source, target }) => ({
        source: await allowedSource(source, secret, 'mount', files),
        target,
      })),
    ),
  };
}

function checkTargets(mounts: DevicePaths['mounts'], present: readonly { readonly target: string }[]): void {
  const seen = present.map(({ target }) => canonical(target));
  for (const { target } of mounts) {
    const own =
      kernelTargets.some((one) => isAtOrBelow(target, one) || isAtOrBelow(one, target)) ||
      topTargets.some((one) => isAtOrBelow(one, target));
    if (own)
      throw refuseMount(`a device's plugin may mount nothing at ${target}: it belongs to the kernel itself`, target);
    const other = seen.find((one) => isAtOrBelow(target, one) || isAtOrBelow(one, target));
    if (other !== undefined)
      throw refuseMount(`the mount of a device's plugin at ${target} overlaps that at ${other}`, target);
    seen.push(target);
  }
}

async function checkNode(path: string, files: Pick<ForeignFiles, 'find'>): Promise<void> {
  const { path: real, kind } = await find(path, files);
  if (kind === 'character-device' && isAtOrBelow(real, '/dev') && !hostDevices.test(real)) return;
  throw refuseMount(`${path} is no device that a kernel may have`, path);
}

async function allowedSource(
  path: string,
  secret: readonly string[],
  what: 'library' | 'mount',
  files: Pick<ForeignFiles, 'find'>,
): Promise<string> {
  const { path: source, kind } = await find(path, files);
  if (kind !== 'file' && (what === 'library' || kind !== 'folder')) {
    throw refuseMount(`${path}, a ${what} of a device's plugin, is no file that a kernel may have`, path);
  }
  const isSecret =
    secretFolders.some((one) => isAtOrBelow(source, one)) ||
    wholeFolders.includes(source) ||
    secret.some((one) => isAtOrBelow(source, one) || isAtOrBelow(one, source));
  if (isSecret) throw refuseMount(`${path}, a ${what} of a device's plugin, is never shown to a kernel`, path);
  return source;
}

async function find(path: string, files: Pick<ForeignFiles, 'find'>): Promise<FoundFile> {
  return await files.find(path).catch((error: unknown) => {
    if (error instanceof KerneletError) throw error;
    throw refuseMount(`${path} of a device's plugin is not there (${systemErrorCode(error) ?? 'unreadable'})`, path);
  });
}
