/**
 * A file system in memory, as far as the agent uses one: folders, files and sockets, no links. Its calls take effect at once;
 * `disk.ts` gives them their time and their failures, and `durability.ts` says what of them a loss of power leaves. Errors are
 * those of the system.
 */
import { constants } from 'node:fs';
import path from 'node:path';
import { Durability } from './durability.ts';
import type { Inode } from './inode.ts';

/** A file that a process has open. */
export interface OpenFile {
  readonly inode: Inode;
  /** The path by which it was opened. */
  readonly path: string;
  readonly appends: boolean;
  position: number;
}

const nothing = Buffer.alloc(0);

const numbers: Readonly<Record<string, number>> = {
  ...{ ENOENT: -2, EEXIST: -17, ENOTDIR: -20, EISDIR: -21, ENOTEMPTY: -39, ENOSPC: -28, EBADF: -9, EINVAL: -22 },
  ...{ ECONNREFUSED: -111, EADDRINUSE: -98 },
};

/** An error as the system gives it. */
export function systemError(code: string, call: string, at = ''): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${call} '${at}'`);
  return Object.assign(error, { code, errno: numbers[code] ?? -1, syscall: call, path: at });
}

/** What the file system has room for, in bytes: enough for a daemon and its kernels, and little enough to be filled. */
export const capacityBytes = 64 * 2 ** 20;
/** What anything takes beside its content: its name, and what is known of it. */
const inodeBytes = 256;

/** The files of a simulated machine. */
export class MemoryFiles {
  readonly root: Inode;
  /** What of it is on the disk. */
  readonly durability: Durability;
  /** What tenants have taken of the room. */
  #taken = 0;
  /** Whether they take at once whatever becomes free. */
  #isContested = false;
  #serial = 1;
  /** What the content of each is the beginning of, and how much of that was ever written. */
  readonly #rooms = new WeakMap<Inode, { readonly bytes: Buffer; used: number }>();
  readonly #now: () => number;

  /** `now`: milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
    this.root = this.#make('folder', 0o755);
    this.durability = new Durability(this.root);
  }

  /** The room that is left, in bytes. */
  get free(): number {
    return this.#isContested ? 0 : Math.max(0, capacityBytes - this.#taken - bytesOf(this.root));
  }

  /**
   * Tenants take all that is free. What becomes free afterwards stays so until they do it again, unless it is `contested`: then
   * they take it before anybody else can.
   */
  fill({ contested }: { readonly contested: boolean }): void {
    this.#taken += this.free;
    this.#isContested = contested;
  }

  /** Tenants let go of all they have taken. */
  empty(): void {
    this.#taken = 0;
    this.#isContested = false;
  }

  /** What is there. Throws ENOENT, ENOTDIR. */
  find(at: string, from: (descriptor: number) => Inode, call: string): Inode {
    const { folder, name } = this.#above(at, from, call);
    if (name === '') return folder;
    const found = folder.entries.get(name);
    if (!found) throw systemError('ENOENT', call, at);
    return found;
  }

  /** The same without an error. */
  peek(at: string): Inode | null {
    let found: Inode | undefined = this.root;
    for (const name of partsOf(at)) found = found?.entries.get(name);
    return found ?? null;
  }

  /** Opens a file, and makes it where the flags say so. */
  open(at: string, flags: number, mode: number, from: (descriptor: number) => Inode): OpenFile {
    const { folder, name } = this.#above(at, from, 'open');
    let inode = name === '' ? folder : folder.entries.get(name);
    if (inode && (flags & constants.O_EXCL) !== 0 && (flags & constants.O_CREAT) !== 0)
      throw systemError('EEXIST', 'open', at);
    if (!inode) {
      if ((flags & constants.O_CREAT) === 0) throw systemError('ENOENT', 'open', at);
      this.#assertRoom(inodeBytes, 'open', at);
      inode = this.#put(folder, name, this.#make('file', mode));
    }
    if ((flags & constants.O_DIRECTORY) !== 0 && inode.kind !== 'folder') throw systemError('ENOTDIR', 'open', at);
    if ((flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0 && inode.kind === 'folder')
      throw systemError('EISDIR', 'open', at);
    if ((flags & constants.O_TRUNC) !== 0) this.truncate(inode, 0);
    return { inode, path: at, appends: (flags & constants.O_APPEND) !== 0, position: 0 };
  }

  /** Answers how many bytes were written: as many as there is room for. Throws ENOSPC when there is none. */
  write(file: OpenFile, wanted: Uint8Array): number {
    const { inode } = file;
    const start = file.appends ? inode.content.length : file.position;
    const bytes = wanted.subarray(
      0,
      inode.content.length - start + this.#roomFor(start + wanted.length - inode.content.length),
    );
    if (wanted.length > 0 && bytes.length === 0) throw systemError('ENOSPC', 'write');
    const end = start + bytes.length;
    inode.content = this.#contentOf(inode, Math.max(inode.content.length, end), start);
    inode.content.set(bytes, start);
    inode.changedAt = this.#now();
    file.position = end;
    this.durability.noteWrite(inode, start, inode.content.subarray(start, end));
    return bytes.length;
  }

  /**
   * A content of this size that begins as the present one, to be written to from `start` on. No byte that was written is ever
   * overwritten, since the disk, and changes that are not on it, refer to it; what comes at the end mostly finds room behind it.
   */
  #contentOf(inode: Inode, size: number, start: number): Buffer {
    const { content } = inode;
    const room = this.#rooms.get(inode);
    const goesOn =
      room !== undefined &&
      start === content.length &&
      room.used === content.length &&
      room.bytes.buffer === content.buffer &&
      room.bytes.byteOffset === content.byteOffset;
    if (goesOn && size <= room.bytes.length) {
      room.used = size;
      return room.bytes.subarray(0, size);
    }
    const bytes = Buffer.alloc(goesOn ? 2 * size : size);
    bytes.set(content);
    this.#rooms.set(inode, { bytes, used: size });
    return bytes.subarray(0, size);
  }

  truncate(inode: Inode, length: number): void {
    if (inode.content.length <= length) return;
    inode.content = inode.content.subarray(0, length);
    this.durability.noteCut(inode, length);
  }

  makeFolder(at: string, mode: number, from: (descriptor: number) => Inode): void {
    const { folder, name } = this.#above(at, from, 'mkdir');
    if (name === '' || folder.entries.has(name)) throw systemError('EEXIST', 'mkdir', at);
    this.#assertRoom(inodeBytes, 'mkdir', at);
    this.#put(folder, name, this.#make('folder', mode));
  }

  /** Makes a folder and what is above it; answers the topmost that was made. */
  makeFolders(at: string, mode: number): string | undefined {
    let made: string | undefined;
    let [folder, here] = [this.root, ''];
    for (const name of partsOf(at)) {
      here += `/${name}`;
      let next = folder.entries.get(name);
      if (!next) {
        this.#assertRoom(inodeBytes, 'mkdir', at);
        next = this.#put(folder, name, this.#make('folder', mode));
        made ??= here;
      }
      if (next.kind !== 'folder') throw systemError('ENOTDIR', 'mkdir', at);
      folder = next;
    }
    return made;
  }

  makeSocket(at: string): Inode {
    const { folder, name } = this.#above(at, noDescriptors, 'bind');
    if (folder.entries.has(name)) throw systemError('EADDRINUSE', 'listen', at);
    return this.#put(folder, name, this.#make('socket', 0o755));
  }

  rename(one: string, other: string, from: (descriptor: number) => Inode): void {
    const source = this.#above(one, from, 'rename');
    const inode = source.folder.entries.get(source.name);
    if (!inode) throw systemError('ENOENT', 'rename', one);
    const target = this.#above(other, from, 'rename');
    const there = target.folder.entries.get(target.name);
    if (there === inode) return;
    if (there?.kind === 'folder') {
      if (inode.kind !== 'folder') throw systemError('EISDIR', 'rename', other);
      if (there.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', other);
    } else if (there && inode.kind === 'folder') throw systemError('ENOTDIR', 'rename', other);
    source.folder.entries.delete(source.name);
    target.folder.entries.set(target.name, inode);
    for (const { folder } of [source, target]) folder.changedAt = this.#now();
    this.durability.noteEntries([
      { ...source, inode: null },
      { ...target, inode },
    ]);
  }

  unlink(at: string, from: (descriptor: number) => Inode): void {
    const { folder, name } = this.#above(at, from, 'unlink');
    const found = folder.entries.get(name);
    if (!found) throw systemError('ENOENT', 'unlink', at);
    if (found.kind === 'folder') throw systemError('EISDIR', 'unlink', at);
    this.#drop(folder, name);
  }

  /** Removes whatever is there, with what is below it. Throws ENOENT. */
  removeTree(at: string, from: (descriptor: number) => Inode, call = 'rm'): void {
    const { folder, name } = this.#above(at, from, call);
    if (!folder.entries.has(name)) throw systemError('ENOENT', call, at);
    this.#dropTree(folder, name);
  }

  /** Puts a whole file in its place, and the folders above it, for good. For the world; a full disk takes it too. */
  plant(at: string, content: string | Uint8Array): void {
    const [taken, isContested] = [this.#taken, this.#isContested];
    this.empty();
    this.makeFolders(path.dirname(at), 0o755);
    const file = this.open(at, constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY, 0o644, noDescriptors);
    this.write(file, typeof content === 'string' ? Buffer.from(content) : content);
    [this.#taken, this.#isContested] = [taken, isContested];
    this.durability.settle(partsOf(at));
  }

  /** Puts a folder in its place, for good. For the world. */
  plantFolder(at: string): void {
    this.makeFolders(at, 0o755);
    this.durability.settle(partsOf(at));
  }

  /** The text of a file; null where there is none. */
  textOf(at: string): string | null {
    const found = this.peek(at);
    return found?.kind === 'file' ? found.content.toString('utf8') : null;
  }

  /** The names in a folder; none where there is none. */
  namesIn(at: string): readonly string[] {
    return [...(this.peek(at)?.entries.keys() ?? [])];
  }

  #above(
    at: string,
    from: (descriptor: number) => Inode,
    call: string,
  ): { readonly folder: Inode; readonly name: string } {
    const parts = partsOf(at);
    let folder = this.root;
    if (parts[0] === 'proc' && parts[1] === 'self' && parts[2] === 'fd' && parts[3] !== undefined) {
      folder = from(Number(parts[3]));
      parts.splice(0, 4);
    }
    const name = parts.pop() ?? '';
    for (const part of parts) {
      const next = folder.entries.get(part);
      if (!next) throw systemError(folder.kind === 'folder' ? 'ENOENT' : 'ENOTDIR', call, at);
      folder = next;
    }
    if (name !== '' && folder.kind !== 'folder') throw systemError('ENOTDIR', call, at);
    return { folder, name };
  }

  #make(kind: Inode['kind'], mode: number): Inode {
    this.#serial += 1;
    const changedAt = this.#now();
    return { number: this.#serial, kind, mode, uid: 0, gid: 0, changedAt, content: nothing, entries: new Map() };
  }

  #put(folder: Inode, name: string, inode: Inode): Inode {
    folder.entries.set(name, inode);
    folder.changedAt = this.#now();
    this.durability.noteEntries([{ folder, name, inode }]);
    return inode;
  }

  #drop(folder: Inode, name: string): void {
    folder.entries.delete(name);
    folder.changedAt = this.#now();
    this.durability.noteEntries([{ folder, name, inode: null }]);
  }

  /** What lies below goes first, as `rm` has it. */
  #dropTree(folder: Inode, name: string): void {
    const found = folder.entries.get(name);
    for (const below of [...(found?.entries.keys() ?? [])]) if (found) this.#dropTree(found, below);
    this.#drop(folder, name);
  }

  #assertRoom(bytes: number, call: string, at: string): void {
    if (this.#roomFor(bytes) < bytes) throw systemError('ENOSPC', call, at);
  }

  /** As many of these bytes as are free. What there is is counted only where it can matter. */
  #roomFor(bytes: number): number {
    return this.#taken === 0 || bytes <= 0 ? bytes : Math.min(bytes, this.free);
  }
}

/** What something takes, with all that is below it. */
function bytesOf({ content, entries }: Inode): number {
  let bytes = inodeBytes + content.length;
  for (const inode of entries.values()) bytes += bytesOf(inode);
  return bytes;
}

/** For who has none open. */
export function noDescriptors(): never {
  throw systemError('EBADF', 'open');
}

function partsOf(at: string): string[] {
  return path.posix
    .normalize(at)
    .split('/')
    .filter((part) => part !== '' && part !== '.');
}
