/**
 * Tar archives: packing folders and files into a stream, and unpacking a stream that may be hostile into a
 * folder, without writing outside of it. Nothing is held in memory but a few buffers.
 */
import { chmod, link, lstat, mkdir, open, rm, symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { packTar as packFromDisk, type TarSource } from 'modern-tar/fs';
import { KerneletError } from './errors.ts';
import { isSystemError, systemErrorCode } from './system-error.ts';

/** What to pack of a folder. */
export interface PackFolderOptions {
  /** Says whether an entry, named by its path below the folder, goes in; a folder that doesn't takes its content out. */
  readonly filter?: (path: string) => boolean;
  /** Owner of every entry; as on disk when absent. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Packs the content of a folder. Links are packed as links. Cancelling the stream stops the work. */
export function packFolder(folder: string, options: PackFolderOptions = {}): ReadableStream<Uint8Array> {
  const { filter, owner } = options;
  return toWeb(
    packFromDisk(folder, {
      concurrency: 4,
      ...(filter ? { filter: (path) => filter(relative(folder, path)) } : {}),
      ...(owner ? { map: (header) => ({ ...header, ...owner }) } : {}),
    }),
  );
}

/** A file to pack that need not be on disk. */
export interface PackedFile {
  /** Its name in the archive. */
  readonly name: string;
  /** Its content, or where it is on disk. */
  readonly content: string | Uint8Array | { readonly path: string };
  /** Permission bits; 0o644 when absent. */
  readonly mode?: number;
}

/** Packs single files, owned by root. */
export function packFiles(files: readonly PackedFile[]): ReadableStream<Uint8Array> {
  const sources = files.map(({ name, content, mode = 0o644 }): TarSource => {
    const common = { target: name, mode, uid: 0, gid: 0 };
    return typeof content === 'object' && 'path' in content
      ? { ...common, type: 'file', source: content.path }
      : { ...common, type: 'content', content };
  });
  return toWeb(packFromDisk(sources, { concurrency: 4 }));
}

function toWeb(readable: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(readable) as ReadableStream<Uint8Array>;
}

/** How an archive is unpacked. */
export interface UnpackOptions {
  /** Ends the unpacking, which then rejects with its reason. */
  readonly signal?: AbortSignal;
  /** The archive is of one folder, which the folder becomes; what lies beside it is left out. */
  readonly isOfOneFolder?: boolean;
  /** `exact`: also what the umask would take from them. */
  readonly modes?: 'exact';
}

/** What was unpacked, and what was left out. */
export interface UnpackResult {
  readonly files: number;
  readonly bytes: number;
  /** Entries left out, with the reason: links that lead out of the folder, devices. At most the first hundred. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  readonly skippedCount: number;
  /** Folders that the archive has entries of, by their paths below the folder: whose modes are the archive's. */
  readonly folders: ReadonlySet<string>;
}

/**
 * Unpacks an archive into a folder, which is made when missing. Files get the permission bits of the archive without
 * set-id bits, as far as the umask lets them, and the owner of this process; what stands in the way is replaced, folders excepted.
 * Throws FORBIDDEN_PATH for a name that leads out, FILE_ERROR when the archive is damaged, not of one folder as it should be, or a
 * file can't be written.
 */
export async function unpackInto(
  content: ReadableStream<Uint8Array>,
  folder: string,
  options: UnpackOptions = {},
): Promise<UnpackResult> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const decoder = createTarDecoder({ strict: true });
  const piping = content.pipeTo(decoder.writable, { signal });
  piping.catch(() => {});
  const unpacker = new Unpacker(folder, options);
  try {
    await mkdir(folder, { recursive: true });
    for await (const entry of decoder.readable) {
      signal.throwIfAborted();
      await unpacker.unpack(entry);
    }
    await piping;
    await unpacker.finish();
    return unpacker.result();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof KerneletError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new KerneletError('FILE_ERROR', `cannot unpack into ${folder}: ${text}`, {
      cause: error,
      context: { path: folder, errno: systemErrorCode(error) ?? null },
    });
  } finally {
    stop.abort();
  }
}

/**
 * The content of an archive's first entry; null when that is no file or has more than `maxBytes`. The rest is not read.
 * Throws FILE_ERROR when the archive is damaged, and as `content` does.
 */
export async function firstFile(content: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array | null> {
  const stop = new AbortController();
  const decoder = createTarDecoder({ strict: true });
  const piping = ReadableStream.from(content).pipeTo(decoder.writable, { signal: stop.signal });
  let failure: unknown = null;
  piping.catch((error: unknown) => {
    failure ??= error;
  });
  try {
    for await (const { header, body } of decoder.readable) {
      if ((header.type ?? 'file') !== 'file' || header.size > maxBytes) return null;
      return new Uint8Array(await new Response(body).arrayBuffer());
    }
    return null;
  } catch (error) {
    if (failure instanceof KerneletError) throw failure;
    const text = error instanceof Error ? error.message : String(error);
    throw new KerneletError('FILE_ERROR', `cannot read an archive: ${text}`, { cause: error });
  } finally {
    stop.abort();
  }
}

class Unpacker {
  readonly #root: string;
  readonly #isOfOneFolder: boolean;
  /** The name that the folder has in an archive of one. */
  #top: string | null = null;
  /** Bits that no mode gets. */
  readonly #withheld: number;
  /** Folders known to be real ones, by their path below the root. */
  readonly #folders = new Set<string>(['']);
  /** Modes that folders get at the end, when nothing is written into them any more. */
  readonly #folderModes = new Map<string, number>();
  /** Names that weren't UTF-8; two of them may look alike here. */
  readonly #oddNames = new Set<string>();
  readonly #skipped: { name: string; reason: string }[] = [];
  #skippedCount = 0;
  #files = 0;
  #bytes = 0;

  constructor(root: string, { isOfOneFolder = false, modes }: UnpackOptions) {
    this.#root = root;
    this.#isOfOneFolder = isOfOneFolder;
    this.#withheld = modes === 'exact' ? 0 : process.umask();
  }

  result(): UnpackResult {
    const folders = new Set([...this.#folderModes.keys()].map((path) => relative(this.#root, path)));
    const [files, bytes, skipped, skippedCount] = [this.#files, this.#bytes, this.#skipped, this.#skippedCount];
    return { files, bytes, skipped, skippedCount, folders };
  }

  async unpack({ header, body }: ParsedTarEntry): Promise<void> {
    const whole = entryComponents(header.name);
    if (whole.length === 0) return await body.cancel();
    if (this.#isOfOneFolder) this.#top ??= topOf(whole, header.type);
    const path = this.#below(whole);
    const name = path?.at(-1);
    if (path === null || name === undefined) {
      await body.cancel();
      if (path === null) this.#skip(whole, 'it lies beside the folder');
      else if (header.type === 'directory') this.#folderModes.set(this.#root, folderMode(header.mode));
      else this.#skip(whole, 'it has the name of the folder');
      return;
    }
    const parent = await this.#realFolder(path.slice(0, -1));
    const skip = async (reason: string): Promise<void> => {
      await body.cancel();
      this.#skip(whole, reason);
    };
    if (parent === null) return await skip('a part of its path is a link');
    const target = join(parent, name);
    if (target.includes('\uFFFD') && header.type !== 'directory') {
      if (this.#oddNames.has(target)) return await skip('its name is not UTF-8 and looks like that of another file');
      this.#oddNames.add(target);
    }
    switch (header.type ?? 'file') {
      case 'directory':
        if ((await this.#realFolder(path)) === null) return await skip('a link has its name');
        this.#folderModes.set(target, folderMode(header.mode));
        return await body.cancel();
      case 'file':
        return await this.#writeFile(target, header.mode ?? 0o644, header.mtime, body);
      case 'symlink': {
        const linkTarget = header.linkname ?? '';
        if (!linkStaysInside(path, linkTarget)) return await skip(`it links to ${JSON.stringify(linkTarget)}, outside`);
        await rm(target, { force: true });
        await symlink(linkTarget, target);
        return await body.cancel();
      }
      case 'link': {
        const source = await this.#unpackedFile(header.linkname ?? '');
        if (source === null)
          return await skip(`it is the same file as ${JSON.stringify(header.linkname)}, not a file here`);
        if (source === target) return await body.cancel();
        await rm(target, { force: true });
        await link(source, target);
        return await body.cancel();
      }
      default:
        return await skip(`it is a ${header.type}`);
    }
  }

  /** Where an entry goes, from the root on: the root itself has no components. null: it lies beside the one folder. */
  #below(whole: readonly string[]): readonly string[] | null {
    if (!this.#isOfOneFolder) return whole;
    return whole[0] === this.#top ? whole.slice(1) : null;
  }

  #skip(whole: readonly string[], reason: string): void {
    this.#skippedCount += 1;
    if (this.#skipped.length < 100) this.#skipped.push({ name: whole.join('/'), reason });
  }

  /** Gives the folders their modes. */
  async finish(): Promise<void> {
    if (this.#isOfOneFolder && this.#top === null) throw noFolder();
    for (const [path, mode] of this.#folderModes) await chmod(path, mode & ~this.#withheld);
  }

  async #writeFile(
    target: string,
    mode: number,
    changedAt: Date | undefined,
    body: ReadableStream<Uint8Array>,
  ): Promise<void> {
    await rm(target, { force: true });
    await using file = await open(target, 'wx', mode & 0o777);
    // Nobody else is to write into what an archive brings, unless its receiver says so.
    if (this.#withheld === 0) await file.chmod(mode & 0o777);
    for await (const chunk of body) {
      await file.writeFile(chunk);
      this.#bytes += chunk.byteLength;
    }
    if (changedAt) await file.utimes(changedAt, changedAt);
    this.#files += 1;
  }

  /** Makes a folder and those above it; null when a link stands in the way. */
  async #realFolder(components: readonly string[]): Promise<string | null> {
    let below = '';
    for (const component of components) {
      below = below === '' ? component : `${below}/${component}`;
      if (this.#folders.has(below)) continue;
      const path = join(this.#root, below);
      await mkdir(path).catch((error: unknown) => {
        if (!isSystemError(error, 'EEXIST')) throw error;
      });
      if ((await lstat(path)).isSymbolicLink()) return null;
      this.#folders.add(below);
    }
    return join(this.#root, below);
  }

  async #unpackedFile(name: string): Promise<string | null> {
    const components = this.#below(entryComponents(name));
    if (components === null) return null;
    for (let depth = 1; depth < components.length; depth += 1) {
      if (!this.#folders.has(components.slice(0, depth).join('/'))) return null;
    }
    const path = join(this.#root, ...components);
    const found = await lstat(path).catch(() => null);
    return found?.isFile() ? path : null;
  }
}

const noFolder = (): KerneletError => new KerneletError('FILE_ERROR', 'the archive is not that of a folder');

/** The name of the folder that an archive of one begins with. */
function topOf([name, ...below]: readonly string[], type: string | undefined): string {
  if (name === undefined || below.length > 0 || type !== 'directory') throw noFolder();
  return name;
}

/** Of a folder that its owner can use. */
const folderMode = (mode = 0o755): number => (mode & 0o777) | 0o700;

/**
 * The components of an entry's name; none for the archive's own root. Throws FORBIDDEN_PATH when the name is absolute
 * or goes up.
 */
export function entryComponents(name: string): readonly string[] {
  const components = name.split('/').filter((component) => component !== '' && component !== '.');
  if (name.startsWith('/') || components.includes('..') || name.includes('\0')) {
    throw new KerneletError(
      'FORBIDDEN_PATH',
      `the archive has an entry ${JSON.stringify(name.slice(0, 200))}, which lies outside of it`,
    );
  }
  return components;
}

/**
 * Whether a symbolic link stays inside: its target is relative and goes up only at its beginning, by no more levels
 * than the link lies deep. Entries are never written through links, so the folder of the link is a real one, and going
 * up from it leads where the name says. A target such as `a/../..` is refused, for `a` may be a link.
 */
export function linkStaysInside(entry: readonly string[], target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false;
  const components = target.split('/').filter((component) => component !== '' && component !== '.');
  const firstName = components.findIndex((component) => component !== '..');
  const ups = firstName < 0 ? components.length : firstName;
  return ups <= entry.length - 1 && !components.slice(ups).includes('..');
}
