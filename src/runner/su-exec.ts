/**
 * The command `su-exec USER[:GROUP[,GROUP…]] COMMAND [ARGUMENT…]` for scripts of images (spec kernel-runner 17.3): becomes
 * this user, and then the command, in the same process. Users and groups are numbers or names of the image.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { KerneletError } from '../lib/errors.ts';

/** Whom a command is to run as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary ones and `gid`. */
  readonly groups: readonly number[];
  readonly home: string;
}

/** What the image knows of users, and the group that is kept where nothing says another. */
export interface UserDatabases {
  readonly passwd: string;
  readonly group: string;
  readonly ownGid: number;
}

const usage = 'usage: su-exec USER[:GROUP[,GROUP...]] COMMAND [ARGUMENT...]\n';
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const maxId = 2 ** 32 - 2;

/** Finds them. Throws INVALID_ARGUMENT for a name that the image does not know. Pure. */
export function identityOf(wanted: string, databases: UserDatabases): Identity {
  const [userName = '', groupNames] = wanted.split(':', 2);
  const user = find(entries(databases.passwd), userName);
  const groups = entries(databases.group);
  const uid = user ? Number(user[2]) : idOf(userName, 'user');
  const home = user?.[5] || '/';
  if (groupNames) {
    const gids = groupNames.split(',').map((name) => Number(find(groups, name)?.[2] ?? idOf(name, 'group')));
    return { uid, gid: gids[0] ?? databases.ownGid, groups: gids, home };
  }
  const gid = user ? Number(user[3]) : databases.ownGid;
  const joined = groups.filter((group) => user && group[3]?.split(',').includes(user[0] ?? ''));
  return { uid, gid, groups: [...new Set([gid, ...joined.map((group) => Number(group[2]))])], home };
}

/** Becomes the command, and comes back only without one, having said how it is used. Throws INVALID_ARGUMENT, and the system's error. */
export function suExec([wanted, command, ...args]: readonly string[]): void {
  if (wanted === undefined || command === undefined) return void process.stdout.write(usage);
  const { uid, gid, groups, home } = identityOf(wanted, {
    passwd: contentOf('/etc/passwd'),
    group: contentOf('/etc/group'),
    ownGid: process.getgid?.() ?? 0,
  });
  process.setgroups?.([...groups]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  const program = programOf(command, process.env['PATH'] ?? usualPath);
  // Node ignores these two, which the command would inherit; a signal with a handler is as usual in it.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {});
  process.execve?.(program, [command, ...args], { ...process.env, HOME: home });
}

/** As a shell finds it. Throws INVALID_ARGUMENT: Node ends without a word when there is nothing to become. */
function programOf(command: string, searchPath: string): string {
  const places = command.includes('/')
    ? [command]
    : searchPath.split(':').map((folder) => `${folder || '.'}/${command}`);
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined)
    throw new KerneletError('INVALID_ARGUMENT', `su-exec: ${command} cannot be found or executed`);
  return found;
}

type Entry = readonly string[];

const entries = (content: string): readonly Entry[] => content.split('\n').map((line) => line.split(':'));
const find = (all: readonly Entry[], name: string): Entry | undefined =>
  all.find((entry) => entry.length > 2 && entry[0] === name) ?? all.find((entry) => entry[2] === name);

function idOf(text: string, what: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= maxId) return Number(text);
  throw new KerneletError(
    'INVALID_ARGUMENT',
    `su-exec: this image has no ${what} ${JSON.stringify(text.slice(0, 80))}`,
  );
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // Numbers are known without it.
  }
}
