/** Node's calls for files, on a simulated disk: those that the agent uses, in their three forms. */
import { constants, type StatsBase } from 'node:fs';
import type { Disk } from './disk.ts';
import { statsOf, typesOf } from './inode.ts';
import { capacityBytes, type OpenFile, systemError } from './memory-files.ts';

type Path = string | Uint8Array;
type Content = string | Uint8Array;
type Options =
  | string
  | {
      readonly encoding?: string | null;
      readonly flag?: string;
      readonly mode?: number;
      readonly withFileTypes?: boolean;
    }
  | null;

const textOf = (at: Path): string => (typeof at === 'string' ? at : Buffer.from(at).toString('utf8'));
const bytesOf = (content: Content): Uint8Array => (typeof content === 'string' ? Buffer.from(content) : content);
const encodingOf = (options?: Options): string | null =>
  (typeof options === 'string' ? options : options?.encoding) ?? null;

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;
const flagWords: Readonly<Record<string, number>> = {
  ...{ r: O_RDONLY, 'r+': O_RDWR, w: O_WRONLY | O_CREAT | O_TRUNC, wx: O_WRONLY | O_CREAT | O_EXCL },
  ...{ a: O_WRONLY | O_CREAT | O_APPEND, 'a+': O_RDWR | O_CREAT | O_APPEND },
};
const flagsOf = (flags: string | number = 'r'): number => {
  const found = typeof flags === 'number' ? flags : flagWords[flags];
  if (found === undefined) throw systemError('EINVAL', `open with ${flags}`);
  return found;
};

/** The calls without waiting, each with its effect at once. */
function effectsOf(disk: Disk) {
  const { files, inodeOf } = disk;
  const open = (at: Path, flags?: string | number, mode = 0o666): number => {
    const file = files.open(textOf(at), flagsOf(flags), mode, inodeOf);
    return disk.opened(file);
  };
  const readOpen = (file: OpenFile, options?: Options): string | Buffer => {
    const { content, kind } = file.inode;
    if (kind === 'folder') throw systemError('EISDIR', 'read');
    const encoding = encodingOf(options);
    return encoding === null ? Buffer.from(content) : content.toString(encoding as BufferEncoding);
  };
  const writeAll = (file: OpenFile, content: Content): void => {
    const bytes = bytesOf(content);
    if (files.write(file, bytes) < bytes.length) throw systemError('ENOSPC', 'write', file.path);
  };
  const inode = (at: Path, call: string) => files.find(textOf(at), inodeOf, call);
  return {
    open,
    inode,
    writeAll: (descriptor: number, content: Content): void => writeAll(disk.file(descriptor), content),
    readFile(at: Path | number, options?: Options): string | Buffer {
      if (typeof at === 'number') return readOpen(disk.file(at), options);
      return readOpen({ inode: inode(at, 'open'), path: textOf(at), appends: false, position: 0 }, options);
    },
    writeFile(at: Path, content: Content, options?: Options): void {
      const { flag = 'w', mode = 0o666 } = typeof options === 'object' && options ? options : {};
      writeAll(files.open(textOf(at), flagsOf(flag), mode, inodeOf), content);
    },
    mkdir(at: Path, options?: { readonly recursive?: boolean; readonly mode?: number } | number): string | undefined {
      const { recursive = false, mode = 0o777 } = typeof options === 'object' ? options : {};
      if (recursive) return files.makeFolders(textOf(at), mode);
      files.makeFolder(textOf(at), mode, inodeOf);
      return undefined;
    },
    readdir(at: Path, options?: Options): unknown[] {
      const found = inode(at, 'scandir');
      if (found.kind !== 'folder') throw systemError('ENOTDIR', 'scandir', textOf(at));
      if (typeof options === 'object' && options?.withFileTypes)
        return [...found.entries].map(([name, inode]) => ({ name, ...typesOf(inode) }));
      const names = [...found.entries.keys()];
      return encodingOf(options) === 'buffer' ? names.map((name) => Buffer.from(name)) : names;
    },
    rename: (one: Path, other: Path): void => files.rename(textOf(one), textOf(other), inodeOf),
    rm(at: Path, options: { readonly recursive?: boolean; readonly force?: boolean } = {}): void {
      try {
        if (inode(at, 'rm').kind === 'folder' && options.recursive !== true) throw systemError('EISDIR', 'rm');
        files.removeTree(textOf(at), inodeOf);
      } catch (error) {
        if (options.force !== true || !(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
          throw error;
      }
    },
    unlink: (at: Path): void => files.unlink(textOf(at), inodeOf),
    stat: (at: Path): StatsBase<number> => statsOf(inode(at, 'stat')),
    chmod: (at: Path, mode: number): void => void Object.assign(inode(at, 'chmod'), { mode: mode & 0o7777 }),
    chown: (at: Path, uid: number, gid: number): void => void Object.assign(inode(at, 'chown'), { uid, gid }),
    realpath: (at: Path): string => {
      inode(at, 'realpath');
      return textOf(at).replace(/(?<=.)\/$/, '');
    },
    access: (at: Path): void => void inode(at, 'access'),
    statfs: () => {
      const [bsize, count] = [4096, 2 ** 20];
      const free = Math.floor(files.free / bsize);
      const blocks = capacityBytes / bsize;
      return { type: 0, bsize, blocks, bfree: free, bavail: free, files: count, ffree: count / 2 };
    },
    fchmod: (descriptor: number, mode: number): void =>
      void Object.assign(inodeOf(descriptor), { mode: mode & 0o7777 }),
    fchown: (descriptor: number, uid: number, gid: number) => void Object.assign(inodeOf(descriptor), { uid, gid }),
    fstat: (descriptor: number): StatsBase<number> => statsOf(inodeOf(descriptor)),
    ftruncate: (descriptor: number, length = 0): void => files.truncate(inodeOf(descriptor), length),
    write: (descriptor: number, content: Content): number => files.write(disk.file(descriptor), bytesOf(content)),
    read(descriptor: number, into: Uint8Array, offset = 0, length = into.length - offset, from: number | null = null) {
      const file = disk.file(descriptor);
      const start = from ?? file.position;
      const bytes = file.inode.content.subarray(start, start + length);
      into.set(bytes, offset);
      if (from === null) file.position += bytes.length;
      return bytes.length;
    },
    fsync: (descriptor: number): void => files.durability.sync(inodeOf(descriptor)),
    close: (descriptor: number): void => disk.close(descriptor),
  };
}

type Effects = ReturnType<typeof effectsOf>;

/** A `FileHandle`. */
class Handle implements AsyncDisposable {
  readonly fd: number;
  readonly #disk: Disk;
  readonly #effects: Effects;

  constructor(descriptor: number, disk: Disk, effects: Effects) {
    this.fd = descriptor;
    this.#disk = disk;
    this.#effects = effects;
  }

  stat = () => this.#disk.call(() => this.#effects.fstat(this.fd));
  chmod = (mode: number) => this.#disk.call(() => this.#effects.fchmod(this.fd, mode));
  chown = (uid: number, gid: number) => this.#disk.call(() => this.#effects.fchown(this.fd, uid, gid));
  sync = () => this.#disk.call(() => this.#effects.fsync(this.fd));
  datasync = () => this.#disk.call(() => this.#effects.fsync(this.fd));
  truncate = (length?: number) => this.#disk.call(() => this.#effects.ftruncate(this.fd, length));
  readFile = (options?: Options) => this.#disk.call(() => this.#effects.readFile(this.fd, options));
  writeFile = (content: Content) => this.#disk.call(() => this.#effects.writeAll(this.fd, content));
  appendFile = (content: Content) => this.#disk.call(() => this.#effects.writeAll(this.fd, content));
  write = (content: Content) =>
    this.#disk.call(() => ({ bytesWritten: this.#effects.write(this.fd, content), buffer: content }));
  read = (into: Uint8Array, offset?: number, length?: number, from?: number | null) =>
    this.#disk.call(() => ({ bytesRead: this.#effects.read(this.fd, into, offset, length, from), buffer: into }));
  close = () => this.#disk.call(() => this.#effects.close(this.fd));
  [Symbol.asyncDispose] = () => this.close();
}

type Callback = (error: unknown, result?: unknown) => void;

/** The three forms, by the names that Node has for them. */
export interface FileCalls {
  readonly promises: Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;
  readonly callbacks: Readonly<Record<string, (...args: never[]) => void>>;
  readonly sync: Readonly<Record<string, (...args: never[]) => unknown>>;
}

/** Makes the calls of one disk. */
export function fileCalls(disk: Disk): FileCalls {
  const effects = effectsOf(disk);
  const later =
    <Args extends readonly unknown[], T>(effect: (...args: Args) => T) =>
    (...args: Args): Promise<T> =>
      disk.call(() => effect(...args));
  const called =
    <T>(effect: (...args: never[]) => T) =>
    (...args: never[]): void => {
      const callback = args.at(-1) as unknown as Callback;
      disk
        .call(() => effect(...(args.slice(0, -1) as never[])))
        .then(
          (result) => callback(null, result),
          (error: unknown) => callback(error),
        );
    };
  return {
    promises: {
      open: async (at: Path, flags?: string | number, mode?: number) =>
        new Handle(await later(effects.open)(at, flags, mode), disk, effects),
      opendir: async (at: Path) => {
        const entries = await later(effects.readdir)(at, { withFileTypes: true });
        return (async function* () {
          yield* entries;
        })();
      },
      appendFile: later((at: Path, content: Content) => effects.writeFile(at, content, { flag: 'a' })),
      lstat: later(effects.stat),
      readFile: later(effects.readFile),
      writeFile: later(effects.writeFile),
      mkdir: later(effects.mkdir),
      readdir: later(effects.readdir),
      rename: later(effects.rename),
      rm: later(effects.rm),
      unlink: later(effects.unlink),
      stat: later(effects.stat),
      chmod: later(effects.chmod),
      chown: later(effects.chown),
      realpath: later(effects.realpath),
      access: later(effects.access),
      statfs: later(effects.statfs),
    },
    callbacks: {
      open: called(effects.open),
      close: called(effects.close),
      write: called(effects.write),
      fdatasync: called(effects.fsync),
      fsync: called(effects.fsync),
      fstat: called(effects.fstat),
      ftruncate: called(effects.ftruncate),
      readFile: called(effects.readFile),
      stat: called(effects.stat),
      read: called(effects.read),
    },
    sync: {
      openSync: effects.open,
      closeSync: effects.close,
      mkdirSync: effects.mkdir,
      readFileSync: effects.readFile,
      writeSync: effects.write,
      writeFileSync: effects.writeFile,
      fsyncSync: effects.fsync,
      renameSync: effects.rename,
      rmSync: effects.rm,
      readSync: effects.read,
      fstatSync: effects.fstat,
      statSync: effects.stat,
      readdirSync: effects.readdir,
      existsSync: (at: Path) => disk.files.peek(textOf(at)) !== null,
    },
  };
}
