/**
 * What a kernel may read about its resources in `/home/config` (spec kernel-lifecycle 5.3 and 5.7): the texts, and
 * `resource.txt`, which is written anew as a whole, since programs in the container may be reading it, and read back when
 * the leases are compared with it. Sizes are written exactly, as plain byte counts where a shorter form would round (B16).
 */

import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { basename } from 'node:path/posix';
import { parseDecimal, zero } from '../../lib/decimal.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import { parseCpuset } from '../../resources/cpuset.ts';
import { allocationOf, type DeviceShare, sharesOf } from '../../resources/device-share.ts';
import { readResourceAccount, writeResourceTxt } from '../../resources/resource-txt.ts';
import type { KnownSlots } from '../../resources/slot-name.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import type { KernelRecord } from '../record.ts';

const hookFolder = containerPaths.kernel;
const preload = 'LD_PRELOAD';

/** `resource.txt`. Mounts that its line cannot carry are left out: their paths would be read as other mounts or lines. */
export function resourceText(record: KernelRecord): string {
  const { spec, placement, containerId } = record;
  const { slots, data } = placement.provision;
  return writeResourceTxt(
    {
      containerId: containerId ?? '',
      slots: new Map(slots.map(([slot, , amount]) => [slot, parseDecimal(amount)])),
      allocations: allocationOf(placement.devices),
      scratchBytes: zero,
      mounts: spec.mounts
        .filter(({ source, target }) => !/[,:\r\n]/.test(source + target))
        .map(({ source, target, readOnly }) => ({ type: 'bind', source, target, permission: readOnly ? 'ro' : 'rw' })),
    },
    { known: knownSlots(record), data, exactBytes: true },
  );
}

/** The slots that the node knew when the kernel got its devices. */
export const knownSlots = ({ placement }: KernelRecord): KnownSlots =>
  new Map(placement.provision.slots.map(([slot, type]) => [slot, type]));

/** Where a library of a device's plugin is in the container. */
export const hookTarget = (source: string): string => `${hookFolder}/${basename(source)}`;

/**
 * The session's variables and those of the devices, which win. Variables that the image wants the number of cores in have
 * it, unless the session says otherwise; libraries of the devices are loaded before those that the session names.
 */
export function environOf(record: KernelRecord): readonly (readonly [string, string])[] {
  const { spec, placement } = record;
  const cores = String(coresOf(record));
  const environ = new Map([
    ...spec.image.coreCountVariables.map((name) => [name, cores] as const),
    ...spec.environ,
    ...placement.provision.environ,
  ]);
  const hooks = placement.provision.hooks.map(hookTarget);
  const own = environ.get(preload) ?? '';
  if (hooks.length > 0) environ.set(preload, [...hooks, ...(own === '' ? [] : [own])].join(':'));
  return [...environ];
}

/** Cores that it is pinned to, else as many as its part of them adds up to. */
const coresOf = ({ spec, placement }: KernelRecord): number =>
  placement.cpuset === null ? Math.max(1, Math.ceil(spec.limits.cpus)) : parseCpuset(placement.cpuset).length;

/** `environ.txt`; variables that it cannot carry are left out (B21): they reach the runner in `runner.json`. */
export function environText(environ: readonly (readonly [string, string])[]): string {
  return environ
    .filter(([name, value]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/[\r\n\0]/.test(value))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

const name = 'resource.txt';
/** The copy from before the container existed. */
const baseName = 'resource_base.txt';
const mode = 0o644;
const maxBytes = 4 * 2 ** 20;

/** Writes it before there is a container, with a copy that stays as it is. Nobody reads them yet. */
export async function writeFirstResourceFiles(record: KernelRecord, scratch: ScratchFolders): Promise<void> {
  const { config } = scratch.paths(record.spec.id);
  const text = resourceText({ ...record, containerId: null });
  await Promise.all([name, baseName].map((file) => writeFile(join(config, file), text, { mode })));
}

/** Writes it anew, beside readers. */
export async function writeResourceFile(record: KernelRecord, scratch: ScratchFolders): Promise<void> {
  const { config } = scratch.paths(record.spec.id);
  const unfinished = join(config, `.${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeFile(unfinished, resourceText(record), { mode, flag: 'wx' });
    await rename(unfinished, join(config, name));
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** The devices that it names; null when it is absent or damaged. */
export async function readResourceFile(
  record: KernelRecord,
  scratch: ScratchFolders,
  signal: AbortSignal,
): Promise<readonly DeviceShare[] | null> {
  try {
    const text = await readFile(join(scratch.paths(record.spec.id).config, name), { encoding: 'utf8', signal });
    if (text.length > maxBytes) return null;
    return sharesOf(readResourceAccount(text, knownSlots(record)).allocations);
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
