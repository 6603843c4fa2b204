/** Rich output: pictures and HTML become files with `--save-media DIR`, else a note. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import { printable } from './printable.ts';
import type { Screen } from './screen.ts';

const endings: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/svg+xml': 'svg',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/markdown': 'md',
  'text/latex': 'tex',
  'application/json': 'json',
};
const maxFiles = 100_000;

/** Takes rich output of one run. */
export class MediaSink {
  readonly #screen: Screen;
  readonly #folder: string | undefined;
  #next = 1;

  constructor(screen: Screen, folder: string | undefined) {
    this.#screen = screen;
    this.#folder = folder;
  }

  /** Saves it, or says that it is there. */
  async take(type: string, body: Uint8Array): Promise<void> {
    const size = `${body.length.toLocaleString('en-US')} bytes`;
    if (this.#folder === undefined) {
      const note = `[${printable(type)}, ${size}; use --save-media DIR]\n`;
      await this.#screen.io.stderr.write(this.#screen.style('dim', note)).catch(() => {});
      return;
    }
    const path = await this.#save(this.#folder, endings[type] ?? 'bin', body);
    await this.#screen.io.stderr.write(this.#screen.style('dim', `[${printable(type)}, ${size}: ${path}]\n`));
  }

  async #save(folder: string, ending: string, body: Uint8Array): Promise<string> {
    await makeFolder(folder).catch((error) => {
      throw unsaved(folder, error);
    });
    for (; this.#next < maxFiles; this.#next += 1) {
      const path = join(folder, `media-${String(this.#next).padStart(3, '0')}.${ending}`);
      try {
        await writeFile(path, body, { flag: 'wx' });
        this.#next += 1;
        return path;
      } catch (error) {
        if (!isSystemError(error, 'EEXIST')) throw unsaved(path, error);
      }
    }
    throw new KerneletError('FILE_ERROR', `${folder} is full of media files`);
  }
}

const unsaved = (path: string, error: unknown): KerneletError =>
  new KerneletError('FILE_ERROR', `cannot write ${JSON.stringify(path)}: ${systemErrorCode(error) ?? error}`, {
    cause: error,
  });
