/** How large a terminal is, in characters, and of which kind. */
import { type Fields, object, whole } from './guards.ts';

/** Its width and height, both from 1 to `maxCells`. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The most columns or rows; more is nobody’s screen. */
export const maxCells = 1000;
/** That of a client that says nothing. */
export const usualSize: TerminalSize = { columns: 80, rows: 24 };

/** What programs take a terminal for (`TERM`) when nobody says of which kind it is. */
export const usualKind = 'xterm-256color';

/** Reads a size. Throws FrameError. */
export function terminalSize(value: unknown, what: string): TerminalSize {
  const { columns, rows }: Fields = object(value, what);
  return { columns: whole(columns, 'columns', 1, maxCells), rows: whole(rows, 'rows', 1, maxCells) };
}
