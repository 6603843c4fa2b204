/** The table of file systems as a text (fstab(5)): entries come and go, everything else of it stays. Pure. */

/** An entry. */
export interface FstabEntry {
  /** What is mounted. */
  readonly location: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** With commas between them; blank: the defaults. */
  readonly options: string;
}

/** The table with the entry at its end; unchanged when the same is mounted at the same place already. */
export function withEntry(table: string, entry: FstabEntry): string {
  const there = table.split('\n').some((line) => {
    const [location, mountPoint] = fieldsOf(line);
    return location === entry.location && mountPoint === entry.mountPoint;
  });
  if (there) return table;
  const { location, mountPoint, fileSystem, options } = entry;
  const line = [escaped(location), escaped(mountPoint), fileSystem, options || 'defaults', '0', '0'].join(' ');
  return `${table}${table === '' || table.endsWith('\n') ? '' : '\n'}${line}\n`;
}

/** The table without the entries of a mount point. */
export function withoutEntries(table: string, mountPoint: string): string {
  return table
    .split('\n')
    .filter((line) => fieldsOf(line)[1] !== mountPoint)
    .join('\n');
}

/** None of a comment. */
function fieldsOf(line: string): readonly string[] {
  const text = line.trim();
  return text === '' || text.startsWith('#') ? [] : text.split(/[ \t]+/).map(unescaped);
}

const escaped = (text: string): string =>
  text.replace(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
