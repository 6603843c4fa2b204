/** Volumes that are to be mounted or not any more, as an event to the whole cluster says (spec config-and-ops 19). */

import { KerneletError, toKerneletError } from '../../lib/errors.ts';
import { retryForever } from '../../lib/retry.ts';
import type { VolumeMounts } from '../../storage/mounts/volume-mounts.ts';
import type { EncodedEvent } from '../redis/event-stream.ts';
import { eventFields } from '../wire/events/agent-event.ts';
import { decodePlain } from '../wire/extension.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import type { MemberParts } from './member-parts.ts';

const names = ['do_volume_mount', 'do_volume_unmount'] as const;
type VolumeEventName = (typeof names)[number];
type Fields = Readonly<Record<string, MsgpackValue>>;

/** More wait in the stream until one of these has ended. */
const maxAtOnce = 64;
/** Where nobody says how long it may take. */
const usualTimeoutMs = 10_000;

/** Reads and answers until the signal aborts. What cannot be read is left out. */
export async function followVolumeEvents(
  parts: Pick<MemberParts, 'settings' | 'identity' | 'etcd' | 'redis' | 'publisher' | 'clock' | 'log'>,
  volumes: VolumeMounts,
  signal: AbortSignal,
): Promise<void> {
  const { redis, log } = parts;
  const open = new Set<Promise<void>>();
  try {
    for await (const event of redis.read(new Set(names), signal)) {
      const read = readEvent(event);
      if (read === null) {
        log.warn('an event on a volume cannot be read', { event: event.name });
        continue;
      }
      // One that hangs must not hold up another: what belongs together is put in order where it is done.
      const answered = answer(parts, volumes, read, signal).finally(() => open.delete(answered));
      open.add(answered);
      if (open.size >= maxAtOnce) await Promise.race(open);
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

interface VolumeEvent {
  readonly name: VolumeEventName;
  readonly fields: Fields;
}

function readEvent({ name: text, args }: EncodedEvent): VolumeEvent | null {
  const name = names.find((one) => one === text);
  try {
    const values = decodePlain(args);
    if (!name || !Array.isArray(values)) return null;
    return { name, fields: eventFields(name, values) as Fields };
  } catch {
    return null;
  }
}

/** Always answers: whoever asked waits for it. */
async function answer(
  parts: Parameters<typeof followVolumeEvents>[0],
  volumes: VolumeMounts,
  { name, fields }: VolumeEvent,
  signal: AbortSignal,
): Promise<void> {
  const { identity, publisher, log } = parts;
  const group = textOf(fields['scalingGroup']);
  if (group !== null && group !== identity.scalingGroup) return;
  let outcome: { readonly mountPath: string; readonly error: string | null };
  try {
    outcome = { mountPath: await act(parts, volumes, { name, fields }, signal), error: null };
  } catch (thrown) {
    const error = toKerneletError(thrown).toDocument().message;
    log.warn('a volume could not be mounted or unmounted', { event: name, folder: textOf(fields['folder']), error });
    outcome = { mountPath: '', error };
  }
  const quotaScope = textOf(fields['quotaScope']) ?? '';
  const reply = name === 'do_volume_mount' ? 'volume_mounted' : 'volume_unmounted';
  publisher.announce(reply, { node: identity.agentId, nodeType: 'agent', quotaScope, ...outcome });
}

/** Gives the mount point; blank where the storage proxy of this machine does it. */
async function act(
  { settings, etcd, clock, log }: Parameters<typeof followVolumeEvents>[0],
  volumes: VolumeMounts,
  { name, fields }: VolumeEvent,
  signal: AbortSignal,
): Promise<string> {
  if (settings.agent.cohabitingStorageProxy) return '';
  const ask = (key: string): Promise<string | undefined> =>
    retryForever({ what: `reading ${key}`, clock, log, signal }, (own) => etcd.overlay.get(key, own));
  const base = settings.agent.mountPath ?? (await ask('volumes/_mount')) ?? '/';
  const seconds = Number((await ask('config/watcher/file-io-timeout')) ?? Number.NaN);
  const timeoutMs = seconds > 0 ? seconds * 1000 : usualTimeoutMs;
  const folder = needed(fields, 'folder');
  const table = fields['editFstab'] === true ? (textOf(fields['fstabPath']) ?? '/etc/fstab') : null;
  if (name === 'do_volume_unmount') return await volumes.unmount(base, { folder, table }, timeoutMs);
  const wanted = { folder, table, location: needed(fields, 'location'), fileSystem: needed(fields, 'fileSystem') };
  return await volumes.mount(base, { ...wanted, options: textOf(fields['options']) }, timeoutMs);
}

const textOf = (value: MsgpackValue | undefined): string | null => (typeof value === 'string' ? value : null);

function needed(fields: Fields, name: string): string {
  const text = textOf(fields[name]);
  if (text === null) throw new KerneletError('INVALID_ARGUMENT', `the event has no ${name}`);
  return text;
}
