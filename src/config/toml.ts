/** The door to TOML. */
import { parse, TomlError } from 'smol-toml';
import { KerneletError } from '../lib/errors.ts';

/** A parsed table. Integers beyond 2^53 are bigints. */
export type TomlTable = Readonly<Record<string, unknown>>;

/** Whether a value is a table: neither a list nor a date. */
export function isTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Reads the text of a file. Throws INVALID_CONFIG with file, line and column. */
export function parseToml(text: string, file: string): TomlTable {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = 'it is not valid TOML'] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    const place = `${file}:${error.line}:${error.column}`;
    throw new KerneletError('INVALID_CONFIG', `${place}: ${what}`, {
      cause: error,
      context: { file, line: error.line, column: error.column },
    });
  }
}
