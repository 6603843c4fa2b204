/** Files of a kernel as runner and agent speak of them, and the guards of both sides. Paths lie below the kernel's home. */
import { FrameError } from './frame.ts';
import { type Fields, finite, flag, isAbsent, list, object, oneOf, text, whole, withoutNul } from './guards.ts';

/** What something in a folder may be. A `link` is a symbolic one, which is not followed. */
export const fileTypes = ['file', 'folder', 'link', 'pipe', 'socket', 'device', 'unknown'] as const;
export type FileType = (typeof fileTypes)[number];

/** A file of the kernel as runners tell of it. Times are seconds since the epoch, fractions kept. */
export interface SentFileEntry {
  /** Names that are not UTF-8 have their odd bytes written as `\xNN`. */
  readonly filename: string;
  readonly size: number;
  /** As `ls -l` shows it: `-rw-r--r--`. */
  readonly mode: string;
  readonly ctime: number;
  readonly mtime: number;
  readonly atime: number;
  /** Of its owner and group; null: not told, by runners of older versions. */
  readonly uid: number | null;
  readonly gid: number | null;
  /** Where a link leads; null for all else. */
  readonly target: string | null;
}

/** With what its mode says. */
export interface FileEntry extends SentFileEntry {
  readonly type: FileType;
  /** Permission bits in octal, like 644. */
  readonly permissions: string;
}

/** Requests about files beside transfers, each with what its reply holds. */
export interface FileRequests {
  /** As many entries as a reply holds, from the one with this index on; `next`: the index of the first that is missing. */
  readonly 'list-files': {
    readonly params: { readonly path: string; readonly from: number };
    readonly result: { readonly files: readonly FileEntry[]; readonly path: string; readonly next: number | null };
  };
  /** A link is told of itself, or with `follow` what it leads to. `path`: the absolute form of what was asked for. */
  readonly 'stat-file': {
    readonly params: { readonly path: string; readonly follow: boolean };
    readonly result: { readonly path: string; readonly file: FileEntry };
  };
  /** With its parents; says whether it had to be made. */
  readonly 'make-folder': {
    readonly params: { readonly path: string };
    readonly result: { readonly created: boolean };
  };
  /** Without `replace` nothing may be at the new place; a folder is never replaced unless it is empty. */
  readonly 'move-file': {
    readonly params: { readonly from: string; readonly to: string; readonly replace: boolean };
    readonly result: null;
  };
  /** As much as goes in a while: when it is not `complete` the request is made again. Links are removed, not followed. */
  readonly 'remove-file': {
    readonly params: { readonly path: string; readonly recursive: boolean };
    readonly result: { readonly removed: number; readonly complete: boolean };
  };
}

/** What has become of an archive. */
export interface UnpackedArchive {
  /** Bytes of the archive, not of its files. */
  readonly bytes: number;
  readonly files: number;
  /** Entries left out, with the reason: links that lead out, devices. At most some of them. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  readonly skippedCount: number;
}

/** A request that one short-lived process of the runner answers. */
export type FileRequest = {
  [M in keyof FileRequests]: { readonly method: M; readonly params: FileRequests[M]['params'] };
}[keyof FileRequests];

/** What happens in a folder that is watched. Paths begin in that folder; what happens to a name within moments is told once. */
export type FileChange =
  /** From now on changes are told; said first. */
  | { readonly type: 'watching'; readonly path: string }
  /** `written`: its content; `attributes`: its mode or owner. */
  | { readonly type: 'created' | 'written' | 'attributes' | 'removed'; readonly path: string; readonly file: FileType }
  /** Something was not told: look again. */
  | { readonly type: 'lost'; readonly reason: string };

const changeTypes = ['watching', 'created', 'written', 'attributes', 'removed', 'lost'] as const;
const maxPath = 4096;
/** What was left out of an archive and is told by name. */
const maxSkipped = 100;
/** Of names whose bytes are written as `\xNN`, four characters each. */
const maxShownPath = 4 * maxPath;

/** A path of an agent. Throws FrameError. */
export const filePath = (value: unknown): string => withoutNul(text(value, 'path', maxPath), 'path');

/** By which runners read the requests. */
export const fileRequestGuards: { readonly [M in keyof FileRequests]: (params: Fields) => FileRequests[M]['params'] } =
  {
    // Agents of older versions ask for everything.
    'list-files': ({ path, from }) => ({ path: filePath(path), from: whole(from ?? 0, 'from', 0) }),
    'stat-file': ({ path, follow }) => ({ path: filePath(path), follow: flag(follow, 'follow') }),
    'make-folder': ({ path }) => ({ path: filePath(path) }),
    'move-file': ({ from, to, replace }) => ({
      from: filePath(from),
      to: filePath(to),
      replace: flag(replace, 'replace'),
    }),
    'remove-file': ({ path, recursive }) => ({ path: filePath(path), recursive: flag(recursive, 'recursive') }),
  };

/** By which the agent reads the results, of which it believes nothing. */
export const fileResultGuards: { readonly [M in keyof FileRequests]: (result: unknown) => FileRequests[M]['result'] } =
  {
    'list-files': (result) => {
      const { path, files, next } = object(result, 'result');
      return {
        path: text(path, 'path'),
        files: list(files, 'files').map(fileEntry),
        // Runners of older versions give everything.
        next: isAbsent(next) ? null : whole(next, 'next', 1),
      };
    },
    'stat-file': (result) => {
      const { path, file } = object(result, 'result');
      return { path: text(path, 'path', maxShownPath), file: fileEntry(file) };
    },
    'make-folder': (result) => ({ created: flag(object(result, 'result')['created'], 'created') }),
    'move-file': () => null,
    'remove-file': (result) => {
      const { removed, complete } = object(result, 'result');
      return { removed: whole(removed, 'removed', 0), complete: flag(complete, 'complete') };
    },
  };

/** Reads what has become of an archive. Throws FrameError. */
export function unpackedArchive(result: unknown): UnpackedArchive {
  const { bytes, files, skipped, skippedCount } = object(result, 'result');
  return {
    bytes: whole(bytes, 'bytes', 0),
    files: whole(files, 'files', 0),
    skipped: list(skipped, 'skipped', maxSkipped).map((item) => {
      const { name, reason } = object(item, 'skipped');
      return { name: text(name, 'name', maxShownPath), reason: text(reason, 'reason', maxShownPath) };
    }),
    skippedCount: whole(skippedCount, 'skippedCount', 0),
  };
}

/** Reads one change of a watched folder. Throws FrameError. */
export function fileChange(value: unknown): FileChange {
  const fields = object(value, 'change');
  const type = oneOf(fields['type'], changeTypes, 'type');
  if (type === 'lost') return { type, reason: text(fields['reason'], 'reason', maxPath) };
  const path = text(fields['path'], 'path', maxShownPath);
  return type === 'watching' ? { type, path } : { type, path, file: oneOf(fields['file'], fileTypes, 'file') };
}

const typesByLetter: ReadonlyMap<string, FileType> = new Map([
  ['-', 'file'],
  ['d', 'folder'],
  ['l', 'link'],
  ['p', 'pipe'],
  ['s', 'socket'],
  ['b', 'device'],
  ['c', 'device'],
]);

/** The type that a mode begins with, as `ls -l` shows it. */
export const fileType = (mode: string): FileType => typesByLetter.get(mode.slice(0, 1)) ?? 'unknown';

/** Permission bits in octal, of a mode as `ls -l` shows it. */
export function permissions(mode: string): string {
  const marks = mode.slice(1);
  const plain = [0, 3, 6].map((at) => {
    const part = marks.slice(at, at + 3);
    return (part[0] === 'r' ? 4 : 0) + (part[1] === 'w' ? 2 : 0) + (/[xst]/.test(part[2] ?? '') ? 1 : 0);
  });
  const special = [2, 5, 8].reduce((sum, at, index) => sum + (/[sStT]/.test(marks[at] ?? '') ? 4 >> index : 0), 0);
  return `${special === 0 ? '' : special}${plain.join('')}`;
}

/** A size to be shown. File systems take larger ones than numbers here tell apart: those are told as the largest. */
function shownSize(value: unknown): number {
  const size = finite(value, 'size', 0);
  if (!Number.isInteger(size)) throw new FrameError('size is not a whole number');
  return Math.min(size, Number.MAX_SAFE_INTEGER);
}

/** A mode as `ls -l` shows it. */
function modeText(value: unknown): string {
  const mode = text(value, 'mode');
  if (!/^[a-z?-][-rwxsStT]{9}$/.test(mode)) throw new FrameError('mode is not that of a file');
  return mode;
}

/** Its times may lie before the epoch. */
function fileEntry(value: unknown): FileEntry {
  const entry = object(value, 'file');
  const mode = modeText(entry['mode']);
  const { uid, gid, target } = entry;
  return {
    filename: text(entry['filename'], 'filename'),
    type: fileType(mode),
    size: shownSize(entry['size']),
    mode,
    permissions: permissions(mode),
    ctime: finite(entry['ctime'], 'ctime'),
    mtime: finite(entry['mtime'], 'mtime'),
    atime: finite(entry['atime'], 'atime'),
    uid: isAbsent(uid) ? null : whole(uid, 'uid', 0),
    gid: isAbsent(gid) ? null : whole(gid, 'gid', 0),
    target: isAbsent(target) ? null : text(target, 'target', maxShownPath),
  };
}
