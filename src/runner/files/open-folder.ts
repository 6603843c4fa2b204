/**
 * Folders that are held open while something is done in them: a name in one means the same thing whatever the tenant puts in
 * the way meanwhile, since the way is not gone again.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { KerneletError } from '../../lib/errors.ts';
import { isBelow } from './worker-process.ts';

/** Opens without the right to read, and without waiting for anybody (`O_PATH`). */
const onlyPlace = 0o10000000;

/** An open folder. Disposing it closes it. */
export class OpenFolder implements AsyncDisposable {
  readonly #handle: FileHandle;
  #mount: Promise<string> | null = null;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Follows links on the way and at its end. Throws FORBIDDEN_PATH when they lead out of the home, else the system's error. */
  static async below(home: string, path: string): Promise<OpenFolder> {
    const folder = new OpenFolder(await open(path, onlyPlace | constants.O_DIRECTORY));
    try {
      const real = await readlink(folder.path());
      if (isBelow(real, await realpath(home))) return folder;
      throw new KerneletError('FORBIDDEN_PATH', `${JSON.stringify(path.slice(0, 300))} leads outside of ${home}`);
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The folder of this name in this one, which is no link. Throws the system's error: ENOTDIR, ENOENT, EACCES. */
  async folder(name: Buffer): Promise<OpenFolder> {
    return new OpenFolder(await open(this.at(name), onlyPlace | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  }

  /** A path that leads here whatever is done to the folders above. */
  path(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  /** Of this name in it. */
  at(name: string | Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.path()}/`), Buffer.from(name)]);
  }

  /** All names in it, as bytes. */
  async names(): Promise<Buffer[]> {
    return await readdir(`${this.path()}/`, { encoding: 'buffer' });
  }

  /** The mount that it lies on, which an open folder keeps. */
  mount(): Promise<string> {
    this.#mount ??= mountOf(this.#handle);
    return this.#mount;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** The mount that a file, folder or link itself lies on. Throws the system's error. */
export async function mountAt(path: string | Buffer): Promise<string> {
  await using handle = await open(path, onlyPlace | constants.O_NOFOLLOW);
  return await mountOf(handle);
}

/** By its number, since folders of one file system that are bound to several places have the same device there. */
async function mountOf(handle: FileHandle): Promise<string> {
  const [{ dev }, facts] = [await handle.stat(), await readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8')];
  // A kernel of Linux that tells no numbers (gVisor) gives each mount a device.
  return `${dev} ${/^mnt_id:\s*(\d+)$/m.exec(facts)?.[1] ?? ''}`;
}
