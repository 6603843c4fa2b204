/** What a run says, for programs as `--json` lines and for people; pictures and their like become files with `--save-media DIR`. */
import { isUtf8 } from 'node:buffer';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/folders.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import { printable } from '../lib/terminal-text.ts';
import type { DisplayedForm, DisplayForm } from '../protocol/display.ts';
import { contentDocument } from '../protocol/event-document.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import type { Screen } from './screen.ts';

/** The `--json` line of an event. */
export function runEventDocument({ n, event, body }: NumberedRunEvent): Record<string, unknown> {
  const isOutput = event.kind === 'stdout' || event.kind === 'stderr';
  return { n, ...(contentDocument({ event, body }) ?? event), ...(isOutput ? textOrBase64(body) : {}) };
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
  'image/webp': 'webp',
  'audio/ogg': 'ogg',
  'application/pdf': 'pdf',
  'application/javascript': 'js',
  'text/html': 'html',
  'text/markdown': 'md',
  'text/latex': 'tex',
  'application/json': 'json',
};
const maxFiles = 100_000;

/** Takes what a terminal can't show of the values of one run: into files of a folder, else a note stands for it. */
export class MediaSink {
  readonly #screen: Screen;
  readonly #folder: string | undefined;
  #next = 1;

  constructor(screen: Screen, folder: string | undefined) {
    this.#screen = screen;
    this.#folder = folder;
  }

  /** Saves the forms of a value, or says that they are there; says what was too large to come at all. */
  async take(forms: readonly DisplayedForm[], omitted: readonly DisplayForm[]): Promise<void> {
    for (const form of omitted) await this.#note(`${described(form)}: too large to be shown; save it to a file`);
    if (this.#folder === undefined) {
      const listed = forms.map(({ type, body }) => described({ type, bytes: body.length })).join(', ');
      if (listed !== '') await this.#note(`${listed}; use --save-media DIR`);
      return;
    }
    for (const { type, body } of forms) {
      const path = await this.#save(this.#folder, endings[type] ?? 'bin', body);
      await this.#note(`${described({ type, bytes: body.length })}: ${path}`);
    }
  }

  async #note(text: string): Promise<void> {
    await this.#screen.io.stderr.write(this.#screen.style('dim', `[${text}]\n`)).catch(() => {});
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

const described = ({ type, bytes }: DisplayForm): string =>
  `${printable(type)}, ${bytes.toLocaleString('en-US')} bytes`;

const unsaved = (path: string, error: unknown): KerneletError =>
  new KerneletError('FILE_ERROR', `cannot write ${JSON.stringify(path)}: ${systemErrorCode(error) ?? error}`, {
    cause: error,
  });
