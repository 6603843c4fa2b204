/**
 * A kernel's own copies of the files that name users, for a root file system that cannot be written: the runner enters the
 * tenant there. They are those of the image.
 */
import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerMount, Engine } from '../../engine/engine.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { fields, nullable, type TypeOf, text } from '../../lib/json-reader.ts';
import type { Owner, ScratchPaths } from '../../storage/scratch.ts';
import type { KernelSpec } from '../spec.ts';

const files = { passwd: nullable(text), group: nullable(text), shadow: nullable(text), shells: nullable(text) };
/** The form in which they are remembered. */
export const userFiles = fields(files);
/** Their bytes as characters; null: it is none that can be mounted over, and stays as the image has it. */
export type UserFiles = TypeOf<typeof userFiles>;

const names = ['passwd', 'group', 'shadow', 'shells'] as const satisfies readonly (keyof UserFiles)[];
/** Bytes of one file; far more than users have ever needed. */
const maxFileBytes = 1024 * 1024;

/** Whether a kernel has copies: as root it needs no name. */
export const hasUserFiles = ({ readOnlyRoot, user }: Pick<KernelSpec, 'readOnlyRoot' | 'user'>): boolean =>
  readOnlyRoot && user.uid !== 0;

/** The mounts of the copies, which the container's root can write. */
export function userFileMounts({ users }: Pick<ScratchPaths, 'users'>, kept: UserFiles): readonly ContainerMount[] {
  return names.flatMap((name) =>
    kept[name] === null ? [] : [{ source: join(users, name), target: `/etc/${name}`, readOnly: false }],
  );
}

/**
 * Lays the copies anew, as the image has them; `root` of the container owns them, by its id on this host, null for this
 * process. Throws the system's error.
 */
export async function writeUserFiles(
  { users }: Pick<ScratchPaths, 'users'>,
  kept: UserFiles,
  root: Owner | null,
): Promise<void> {
  await rm(users, { recursive: true, force: true });
  await mkdir(users);
  await chmod(users, 0o755);
  const write = async (name: (typeof names)[number]): Promise<void> => {
    const content = kept[name];
    if (content === null) return;
    const path = join(users, name);
    await writeFile(path, content, { encoding: 'latin1', flag: 'wx' });
    await chmod(path, name === 'shadow' ? 0o600 : 0o644);
    if (root) await chown(path, root.uid, root.gid);
  };
  await Promise.all(names.map(write));
}

/**
 * Reads them from a container that has no mounts. What is a link is left alone: a copy would be mounted where the link
 * leads, over a file of the runner's, say, and it says what the image wants.
 */
export async function readUserFiles(
  engine: Pick<Engine, 'isLink' | 'readFile'>,
  container: ContainerId,
  signal: AbortSignal,
): Promise<UserFiles> {
  const none = { passwd: null, group: null, shadow: null, shells: null };
  if (await engine.isLink(container, '/etc', signal)) return none;
  const read = async (name: (typeof names)[number]): Promise<string | null> => {
    const found = await engine.readFile(container, `/etc/${name}`, maxFileBytes, signal);
    if (found === 'absent') return '';
    return found === 'no-file' ? null : Buffer.from(found).toString('latin1');
  };
  const [passwd, group, shadow, shells] = await Promise.all([
    read('passwd'),
    read('group'),
    read('shadow'),
    read('shells'),
  ]);
  return { passwd, group, shadow, shells };
}
