/**
 * What a command says. Results go to standard output, everything else to standard error; with `--json` only documents
 * go to standard output. Colours only on a terminal.
 */
import { printable, printableLines, type Style, styled, takesStyles } from '../lib/terminal-text.ts';
import type { CliIo } from './host.ts';

/** Where one command writes: results, documents, notes. */
export class Screen {
  readonly io: CliIo;
  /** Whether results are documents: `--json`. */
  json: boolean;

  constructor(io: CliIo, json: boolean) {
    this.io = io;
    this.json = json;
  }

  /** A result for people; nothing with `--json`. */
  async result(text: string): Promise<void> {
    if (!this.json) await this.io.stdout.write(text);
  }

  /** A document on one line, with `--json`. */
  async document(document: unknown): Promise<void> {
    if (this.json) await this.io.stdout.write(`${JSON.stringify(document)}\n`);
  }

  /** A result as a document or, without `--json`, as text. */
  async either(document: unknown, text: () => string): Promise<void> {
    if (this.json) await this.document(document);
    else await this.io.stdout.write(text());
  }

  /** A line on standard error, `kernelet: …`, in which a tenant's words change nothing. Errors of writing it are of no interest. */
  async note(text: string, newline = '\n'): Promise<void> {
    await this.io.stderr.write(`${this.style('dim', 'kernelet:')} ${printableLines(text)}${newline}`).catch(() => {});
  }

  /** Text on standard error in a style, when that is a terminal. */
  style(style: Style, text: string): string {
    return this.#styled(this.io.stderr.isTerminal, style, text);
  }

  /** Text on standard output in a style, when that is a terminal. */
  resultStyle(style: Style, text: string): string {
    return this.#styled(this.io.stdout.isTerminal, style, text);
  }

  #styled(terminal: boolean, style: Style, text: string): string {
    return terminal && takesStyles(this.io.environ) ? styled(style, text) : text;
  }
}

/** A column: its heading and which side its cells keep to. */
export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
  /** Whether its cells may be cut where a line would be too long. */
  readonly cut?: boolean;
}

const width = (text: string): number => [...text].length;

const gap = '  ';
/** A column is cut to no less. */
const leastWidth = 8;

/**
 * Lines of a table, where they can be of at most `room` characters; no spaces at the end of a line. Cells are texts of tenants as
 * well, and are made printable.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room = Number.POSITIVE_INFINITY,
): string {
  const all = [columns.map((column) => column.heading), ...rows.map((row) => row.map(printable))];
  const needed = columns.map((_, index) => Math.max(...all.map((row) => width(row[index] ?? ''))));
  const widths = fitted(columns, needed, room);
  const line = (row: readonly string[]): string =>
    columns
      .map((column, index) => {
        const cell = shortened(row[index] ?? '', widths[index] ?? 0);
        const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - width(cell)));
        return column.align === 'right' ? space + cell : cell + space;
      })
      .join(gap)
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

/** Of the columns that may be cut, the widest gives way first. */
function fitted(columns: readonly Column[], needed: readonly number[], room: number): readonly number[] {
  const widths = [...needed];
  let excess = widths.reduce((sum, one) => sum + one + gap.length, -gap.length) - room;
  for (; excess > 0; excess -= 1) {
    const [widest] = widths
      .map((size, index) => ({ size, index }))
      .filter(({ size, index }) => columns[index]?.cut === true && size > leastWidth)
      .toSorted((one, other) => other.size - one.size);
    if (!widest) break;
    widths[widest.index] = widest.size - 1;
  }
  return widths;
}

const shortened = (cell: string, room: number): string =>
  width(cell) > room ? `${[...cell].slice(0, room - 1).join('')}…` : cell;

/** Lines of `name: value` with the values in one column; both may be texts of tenants, and are made printable. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const shown = pairs.map(([name, value]) => [printable(name), printable(value)] as const);
  const widest = Math.max(0, ...shown.map(([name]) => width(name)));
  return shown.map(([name, value]) => `${`${name}:`.padEnd(widest + 2)}${value}\n`).join('');
}
