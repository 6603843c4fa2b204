/** Files, folders and sockets of a file system in memory. */
import { constants, type StatsBase } from 'node:fs';

/** What a path leads to. */
export interface Inode {
  readonly number: number;
  readonly kind: 'file' | 'folder' | 'socket';
  mode: number;
  uid: number;
  gid: number;
  changedAt: number;
  content: Buffer;
  readonly entries: Map<string, Inode>;
}

/** What `stat` says of one. */
export function statsOf(inode: Inode): StatsBase<number> {
  const type = { file: constants.S_IFREG, folder: constants.S_IFDIR, socket: constants.S_IFSOCK }[inode.kind];
  const at = new Date(inode.changedAt);
  const times = { atime: at, mtime: at, ctime: at, birthtime: at };
  const inMs = {
    ...{ atimeMs: inode.changedAt, mtimeMs: inode.changedAt },
    ...{ ctimeMs: inode.changedAt, birthtimeMs: inode.changedAt },
  };
  return {
    ...times,
    ...inMs,
    ...{ dev: 1, ino: inode.number, mode: type | inode.mode, nlink: 1, uid: inode.uid, gid: inode.gid, rdev: 0 },
    ...{ size: inode.content.length, blksize: 4096, blocks: Math.ceil(inode.content.length / 512) },
    ...typesOf(inode),
    ...{ isBlockDevice: no, isCharacterDevice: no, isSymbolicLink: no, isFIFO: no },
  };
}

/** What of the kinds of things it is, as folders and `stat` tell it. */
export const typesOf = ({ kind }: Inode) => ({
  isFile: () => kind === 'file',
  isDirectory: () => kind === 'folder',
  isSocket: () => kind === 'socket',
});

const no = (): boolean => false;
