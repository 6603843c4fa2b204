/**
 * A kernel's `resource.txt`: written anew as a whole, since programs in the container may be reading it, and read back
 * when the leases are compared with it.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DeviceShare, sharesOf } from '../resources/device-share.ts';
import { readResourceAccount } from '../resources/resource-txt.ts';
import type { ScratchFolders } from '../storage/scratch.ts';
import type { KernelRecord } from './record.ts';
import { knownSlots, resourceText } from './resource-text.ts';

const name = 'resource.txt';
/** The copy from before the container existed. */
const baseName = 'resource_base.txt';
const mode = 0o644;
const maxBytes = 4 * 2 ** 20;

/** Writes it before there is a container, with a copy that stays as it is. Nobody reads them yet. */
export async function layResourceFiles(record: KernelRecord, scratch: ScratchFolders): Promise<void> {
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
