/** The machine's table of file systems (fstab(5)): lines are added and taken out, and all others stay byte for byte. Pure. */
import { isSecretName } from '../../lib/redaction.ts';

/** A line of the table, unescaped. */
export interface FstabEntry {
  /** The device or the remote folder that is mounted. */
  readonly location: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** With commas between them; one at least. */
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
  const line = [escaped(location), escaped(mountPoint), fileSystem, escaped(options), '0', '0'].join(' ');
  return `${table}${table === '' || table.endsWith('\n') ? '' : '\n'}${line}\n`;
}

/** The table without the entries of a mount point. */
export function withoutEntries(table: string, mountPoint: string): string {
  return table
    .split('\n')
    .filter((line) => fieldsOf(line)[1] !== mountPoint)
    .join('\n');
}

/** The table without what stands behind options such as `password=`, in comments too. */
export function withoutSecrets(table: string): string {
  return table.replace(/(?<![^\s,#])([^\s,#=]+)=[^\s,]+/g, (option, name: string) =>
    isSecretName(name) ? `${name}=[redacted]` : option,
  );
}

/** The fields of a line; none of a comment. */
function fieldsOf(line: string): readonly string[] {
  const fields = line.split(/[ \t]+/).filter((field) => field !== '');
  return fields[0]?.startsWith('#') ? [] : fields.map(unescaped);
}

/** What ends a field, and what begins a comment or an escape, cannot stand in one. */
const escaped = (text: string): string =>
  text.replace(/[\t\n\v\f\r #\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
/** Escapes stand for bytes of UTF-8. */
const unescaped = (text: string): string =>
  text.replace(/(?:\\[0-7]{3})+/g, (escapes) => {
    const octal = escapes.slice(1).split('\\');
    return Buffer.from(octal.map((digits) => Number.parseInt(digits, 8))).toString('utf8');
  });
