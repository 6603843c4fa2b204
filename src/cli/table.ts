/** Tables of plain text. */
import { stripVTControlCharacters } from 'node:util';

/** A column: its heading and which side its cells keep to. */
export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
}

const width = (text: string): number => [...stripVTControlCharacters(text)].length;

/** Lines of a table with two spaces between columns; no spaces at the end of a line. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const all = [columns.map((column) => column.heading), ...rows];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => width(row[index] ?? ''))));
  const line = (row: readonly string[]): string =>
    columns
      .map((column, index) => {
        const cell = row[index] ?? '';
        const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - width(cell)));
        return column.align === 'right' ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

/** Lines of `name: value` with the values in one column. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const widest = Math.max(0, ...pairs.map(([name]) => width(name)));
  return pairs.map(([name, value]) => `${`${name}:`.padEnd(widest + 2)}${value}\n`).join('');
}
