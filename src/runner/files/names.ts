/** How names and modes of files are written for people. Pure. */

const fileTypes: ReadonlyMap<number, string> = new Map([
  [0o140000, 's'],
  [0o120000, 'l'],
  [0o100000, '-'],
  [0o060000, 'b'],
  [0o040000, 'd'],
  [0o020000, 'c'],
  [0o010000, 'p'],
]);

/** A mode as `ls -l` shows it: `-rw-r--r--`. */
export function modeText(mode: number): string {
  const permissions = [6, 3, 0].flatMap((shift) => {
    const bits = mode >> shift;
    const special = (mode & (shift === 6 ? 0o4000 : shift === 3 ? 0o2000 : 0o1000)) !== 0;
    const letter = shift === 0 ? 't' : 's';
    const execute = (bits & 1) !== 0;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return [(bits & 4) === 0 ? '-' : 'r', (bits & 2) === 0 ? '-' : 'w', last];
  });
  return `${fileTypes.get(mode & 0o170000) ?? '?'}${permissions.join('')}`;
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
