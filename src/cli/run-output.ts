/** What a run says, for programs as `--json` lines and for people; rich output becomes files with `--save-media DIR`. */
import { isUtf8 } from 'node:buffer';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/folders.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import { printable, type Screen } from './screen.ts';

/** The `--json` line of an event. */
export function runEventDocument({ n, event, body }: NumberedRunEvent): Record<string, unknown> {
  const { kind } = event;
  const hasBody = kind === 'stdout' || kind === 'stderr' || kind === 'media' || kind === 'html';
  return { n, ...event, ...(hasBody ? textOrBase64(body) : {}) };
}

/** Bytes as `text` when they are UTF-8, else as `base64`: nothing is replaced or lost. */
export function textOrBase64(body: Uint8Array): { readonly text: string } | { readonly base64: string } {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return isUtf8(buffer) ? { text: buffer.toString() } : { base64: buffer.toString('base64') };
}

const endings: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/svg+xml': 'svg',
  'audio/ogg': 'ogg',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/markdown': 'md',
  'text/latex': 'tex',
  'application/json': 'json',
};
const maxFiles = 100_000;

/** Takes pictures and HTML of one run: into files of a folder, else a note stands for them. */
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
