/** Volumes below the cluster's mount prefix, and the table of file systems (spec config-and-ops 18.2, 18.4). */
import path from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import { fields, JsonFormError, newer, nullable, oneOf, text, truth } from '../../lib/json-reader.ts';
import { readMountTable } from '../../lib/mount-table.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { FileSystems } from '../../storage/file-systems/file-systems.ts';
import { withoutSecrets } from '../../storage/mounts/fstab.ts';
import type { VolumeMounts } from '../../storage/mounts/volume-mounts.ts';
import type { ClusterKeys } from './cluster-keys.ts';
import type { Route, WatcherReply } from './route.ts';

export interface MountRoutesParts {
  readonly keys: () => Pick<ClusterKeys, 'mountPrefix' | 'mountTimeoutMs'>;
  readonly files: Pick<FileSystems, 'find' | 'read' | 'removeEmptyFolder'>;
  readonly volumes: VolumeMounts;
  /** The machine's table of file systems, which alone is shown and edited. */
  readonly table: string;
  readonly clock: Clock;
}

/** Managers give up after 10 s; `mount` and `umount` have the rest of what they have. */
const answerMs = 9_000;
const maxProgramMs = 7_000;
const maxTableBytes = 1024 * 1024;

/** What counts as true and false for managers and their clients. */
const flag = (value: unknown, place: string): boolean =>
  typeof value === 'string' ? oneOf(['true', 'false'])(value, place) === 'true' : truth(value, place);
const common = {
  name: text,
  fstab_path: newer(nullable(text), null),
  edit_fstab: newer<boolean>(flag, false),
};
const readMount = fields({
  ...common,
  fs_location: text,
  fs_type: newer(text, 'nfs'),
  options: newer(nullable(text), null),
});
const readUnmount = fields(common);

export function mountRoutes(parts: MountRoutesParts): readonly Route[] {
  const { keys, files, volumes, table, clock } = parts;
  const inTime = async <T>(what: string, work: () => Promise<T>): Promise<T> =>
    await withDeadline({ what, timeoutMs: answerMs, clock }, work);
  const programMs = (): number => Math.min(keys().mountTimeoutMs ?? maxProgramMs, maxProgramMs);
  return [
    {
      method: 'GET',
      path: '/fstab',
      isAct: false,
      isJson: false,
      handle: async ({ query }) => {
        const wanted = tableOf(query.get('fstab_path'), table);
        const read = () => files.read(path.dirname(wanted), path.basename(wanted), maxTableBytes);
        const content = await inTime(`reading ${wanted}`, read).catch((error: unknown) => {
          if (!isSystemError(error, 'ENOENT')) throw error;
          throw new KerneletError('INVALID_ARGUMENT', `there is no ${wanted} on this machine`, { cause: error });
        });
        return plain(withoutSecrets(content));
      },
    },
    {
      method: 'GET',
      path: '/mounts',
      isAct: false,
      isJson: false,
      handle: async () => ({ status: 200, body: await inTime('finding the mounts', () => list(parts)) }),
    },
    {
      method: 'POST',
      path: '/mounts',
      isAct: true,
      isJson: false,
      handle: async ({ body }) => {
        const asked = readBody(readMount, body);
        const wanted = {
          folder: folderOf(asked.name),
          location: asked.fs_location,
          fileSystem: asked.fs_type,
          options: asked.options === '' ? null : asked.options,
          table: asked.edit_fstab ? tableOf(asked.fstab_path, table) : null,
        };
        await inTime(`mounting ${asked.name}`, async () => volumes.mount(await prefixOf(parts), wanted, programMs()));
        return plain('');
      },
    },
    {
      method: 'DELETE',
      path: '/mounts',
      isAct: true,
      isJson: false,
      handle: async ({ body }) => {
        const asked = readBody(readUnmount, body);
        const wanted = {
          folder: folderOf(asked.name),
          table: asked.edit_fstab ? tableOf(asked.fstab_path, table) : null,
        };
        await inTime(`unmounting ${asked.name}`, async () => {
          await files.removeEmptyFolder(await volumes.unmount(await prefixOf(parts), wanted, programMs()));
        });
        return plain('');
      },
    },
  ];
}

const plain = (body: string): WatcherReply => ({ status: 200, body });

const invalid = (message: string): KerneletError => new KerneletError('INVALID_ARGUMENT', message);

/** Throws INVALID_ARGUMENT. */
function readBody<T>(read: (value: unknown, place: string) => T, body: unknown): T {
  try {
    return read(body, 'the body');
  } catch (error) {
    throw error instanceof JsonFormError ? invalid(error.message) : error;
  }
}

/** One name, which lies directly below the prefix. Throws INVALID_ARGUMENT. */
function folderOf(name: string): string {
  const isPlain =
    name !== '' && name !== '.' && name !== '..' && !name.startsWith('-') && Buffer.byteLength(name) <= 255;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a name
  if (isPlain && !/[/\u0000-\u001f\u007f]/.test(name)) return name;
  throw invalid(`${JSON.stringify(name.slice(0, 300))} is no name of a folder`);
}

/** Blank stands for the machine's own. Throws INVALID_ARGUMENT for any other. */
function tableOf(wanted: string | null, table: string): string {
  if (wanted === null || wanted === '' || wanted === table) return table;
  throw invalid(`${JSON.stringify(wanted.slice(0, 300))} is not ${table}, which alone is shown and edited`);
}

/** The folder itself, as the table of mounts names it. Throws INVALID_CONFIG, STATE_UNUSABLE, FILE_SYSTEM_HUNG. */
async function prefixOf({ keys, files }: Pick<MountRoutesParts, 'keys' | 'files'>): Promise<string> {
  const { mountPrefix } = keys();
  const normal = path.normalize(mountPrefix);
  if (!path.isAbsolute(normal) || normal === '/') {
    const text = `volumes/_mount in etcd is ${JSON.stringify(mountPrefix)}: it must be a folder of its own`;
    throw new KerneletError('INVALID_CONFIG', text);
  }
  const found = await files.find(normal).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new KerneletError('STATE_UNUSABLE', `there is no folder ${normal} for mounts: make it`, { cause: error });
  });
  if (found.path === '/')
    throw new KerneletError('INVALID_CONFIG', `${normal} leads to /: it must be a folder of its own`);
  return found.path;
}

/** What is mounted directly below the prefix, as paths below it, sorted; nothing where there is no such folder. */
async function list(parts: MountRoutesParts): Promise<readonly string[]> {
  const { mountPrefix } = parts.keys();
  const prefix = await prefixOf(parts).catch((error: unknown) => {
    if (error instanceof KerneletError && error.code === 'STATE_UNUSABLE') return null;
    throw error;
  });
  if (prefix === null) return [];
  const names = (await readMountTable())
    .filter(({ mountPoint }) => path.dirname(mountPoint) === prefix)
    .map(({ mountPoint }) => path.join(mountPrefix, path.basename(mountPoint)));
  return [...new Set(names)].sort();
}
