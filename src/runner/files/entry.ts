/** How files are shown: their facts, modes as `ls -l` writes them, and names that may be any bytes. */
import type { BigIntStats, Stats } from 'node:fs';
import { readlink } from 'node:fs/promises';
import type { SentFileEntry } from '../../protocol/kernel-files.ts';

/** The bits of a mode that say what it is a mode of, and those of links. */
const typeBits = 0o170000;
const linkBits = 0o120000;

/** What is told of a file by this name; `path`: where a link is read. */
export async function entryOf(name: Buffer, facts: Stats, path: string | Buffer): Promise<SentFileEntry> {
  const isLink = (facts.mode & typeBits) === linkBits;
  return {
    filename: nameText(name),
    size: Math.min(facts.size, Number.MAX_SAFE_INTEGER),
    mode: modeText(facts.mode),
    ctime: facts.ctimeMs / 1000,
    mtime: facts.mtimeMs / 1000,
    atime: facts.atimeMs / 1000,
    uid: facts.uid,
    gid: facts.gid,
    // It may be gone, or something else by now.
    target: isLink ? await readlink(path, 'buffer').then(nameText, () => null) : null,
  };
}

const letters: ReadonlyMap<number, string> = new Map([
  [0o140000, 's'],
  [linkBits, 'l'],
  [0o100000, '-'],
  [0o060000, 'b'],
  [0o040000, 'd'],
  [0o020000, 'c'],
  [0o010000, 'p'],
]);

/** A mode as `ls -l` shows it: `-rw-r--r--`. */
export function modeText(mode: Stats['mode'] | BigIntStats['mode']): string {
  const bits = Number(mode);
  const permissions = [6, 3, 0].flatMap((shift) => {
    const part = bits >> shift;
    const special = (bits & (shift === 6 ? 0o4000 : shift === 3 ? 0o2000 : 0o1000)) !== 0;
    const letter = shift === 0 ? 't' : 's';
    const execute = (part & 1) !== 0;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return [(part & 4) === 0 ? '-' : 'r', (part & 2) === 0 ? '-' : 'w', last];
  });
  return `${letters.get(bits & typeBits) ?? '?'}${permissions.join('')}`;
}

/** A file's name; bytes that are not UTF-8 are written as `\xNN`. */
export function nameText(name: Buffer): string {
  const text = name.toString('utf8');
  if (Buffer.from(text).equals(name)) return text;
  let result = '';
  for (let at = 0; at < name.length; ) {
    const size = sequenceLength(name, at);
    if (size === 0) {
      result += `\\x${(name[at] ?? 0).toString(16).padStart(2, '0')}`;
      at += 1;
    } else {
      result += name.toString('utf8', at, at + size);
      at += size;
    }
  }
  return result;
}

/** Bytes of the UTF-8 sequence at a place; 0 = there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  for (let size = 1; size <= 4 && at + size <= bytes.length; size += 1) {
    const piece = bytes.subarray(at, at + size);
    if (Buffer.from(piece.toString('utf8')).equals(piece)) return size;
  }
  return 0;
}
