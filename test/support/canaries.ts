/** Secrets that a test plants, told apart by name, and the search for them in whatever comes out of a program. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export class Canaries {
  readonly #forms = new Map<string, readonly Buffer[]>();

  /** A secret of 30 letters and digits, of which nothing else in the world is a part. */
  plant(name: string): string {
    const value = `Canary${randomBytes(12).toString('hex')}`;
    this.watch(name, value);
    return value;
  }

  /** Looks for a secret that the program has made, or was given as it is, too: as text, in base64 and in hexadecimal digits. */
  watch(name: string, value: string | Uint8Array): void {
    const bytes = Buffer.from(value);
    const texts = [bytes.toString('hex'), ...base64Forms(bytes)];
    this.#forms.set(name, [bytes, ...texts.map((text) => Buffer.from(text))]);
  }

  /** The names of those that are in it. */
  foundIn(content: string | Uint8Array): readonly string[] {
    const bytes = Buffer.from(content);
    return [...this.#forms].filter(([, forms]) => forms.some((form) => bytes.includes(form))).map(([name]) => name);
  }

  /** A line for each that is in one of these, which are given by what they are. */
  placesIn(outputs: ReadonlyMap<string, string | Uint8Array>): readonly string[] {
    return [...outputs].flatMap(([place, content]) => this.foundIn(content).map((name) => `${name} is in ${place}`));
  }
}

/** What of a value is in the base64 of any text around it, whatever stands before. */
function base64Forms(bytes: Buffer): readonly string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    // The first and the last digits have bits of what stands around.
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}

/** The arguments of all processes of this machine. */
export function allCommandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8');
      } catch {
        // It has ended.
        return '';
      }
    })
    .join('\n');
}

/** Files and folders below a folder that somebody beside their owner may open, with their modes; `passing` are not entered. */
export function openToOthers(folder: string, passing: readonly string[] = []): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = path.join(folder, entry.name);
    if (passing.includes(entry.name) || entry.isSymbolicLink()) return [];
    const mode = statSync(place).mode & 0o777;
    const own = mode & 0o077 ? [`${place} ${mode.toString(8)}`] : [];
    return entry.isDirectory() ? [...own, ...openToOthers(place, passing)] : own;
  });
}
