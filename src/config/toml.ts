/**
 * TOML: its tables, on which line each key stands, and the change of one text that leaves the rest as it is. The only module
 * that knows the parser.
 */
import { isDeepStrictEqual } from 'node:util';
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
    // Not its cause, which repeats the lines around: there may be a password.
    throw new KerneletError('INVALID_CONFIG', `${place}: ${what}`, {
      context: { file, line: error.line, column: error.column },
    });
  }
}

const keyPart = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*/y;

/**
 * Line numbers, from 1, by dotted key; a table's by its own name. It reads well-formed TOML only as far as that needs:
 * what stands inside inline tables and lists counts to the line where they begin.
 */
export function keyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let table: readonly string[] = [];
  let skipTo: number | undefined;
  const offsets = lineOffsets(text);
  for (const [index, offset] of offsets.entries()) {
    if (skipTo !== undefined && offset < skipTo) continue;
    const line = text.slice(offset, offsets[index + 1] ?? text.length);
    const begin = line.search(/\S/);
    if (begin < 0 || line[begin] === '#') continue;
    const bracket = /^\[{1,2}/.exec(line.slice(begin))?.[0].length ?? 0;
    const { parts, end } = readKey(line, begin + bracket);
    if (parts.length === 0) continue;
    if (bracket > 0) table = parts;
    const path = bracket > 0 ? table : [...table, ...parts];
    for (let depth = 1; depth <= path.length; depth += 1) {
      const name = path.slice(0, depth).join('.');
      if (!lines.has(name)) lines.set(name, index + 1);
    }
    lines.set(path.join('.'), index + 1);
    if (bracket === 0) skipTo = endOfValue(text, offset + end + 1);
  }
  return lines;
}

function lineOffsets(text: string): readonly number[] {
  const offsets = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) offsets.push(at + 1);
  return offsets;
}

function readKey(line: string, start: number): { readonly parts: readonly string[]; readonly end: number } {
  const parts: string[] = [];
  let at = start;
  for (;;) {
    keyPart.lastIndex = at;
    const match = keyPart.exec(line);
    if (!match) return { parts, end: at };
    parts.push(match[1] ?? match[2] ?? match[3] ?? '');
    at = keyPart.lastIndex;
    if (line[at] !== '.') return { parts, end: at };
    at += 1;
  }
}

const token = /"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[[\]{}\n]/g;

/** The offset behind a value: the end of its line, or of the line where its brackets and strings close. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  token.lastIndex = start;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [found] = match;
    if (found === '[' || found === '{') depth += 1;
    else if (found === ']' || found === '}') depth -= 1;
    else if (found === '\n' && depth <= 0) return match.index;
  }
  return text.length;
}

/** The key that is edited. */
export interface TomlKey {
  readonly table: string;
  /** The key's names: the first that is there is changed; when none is, the first is added. */
  readonly keys: readonly string[];
}

/**
 * The source with the text as the key's value. null when the key is written in a way that this does not understand: what
 * comes out is read again, and must be what went in but for the one value. Throws INVALID_CONFIG for what is no TOML.
 */
export function withTomlText(source: string, { table, keys }: TomlKey, value: string, file: string): string | null {
  const before = parseToml(source, file);
  const present = isTable(before[table]) ? before[table] : null;
  const key = keys.find((name) => present && name in present);
  const lines = source.split('\n');
  const header = lines.findIndex((line) => new RegExp(`^\\s*\\[\\s*"?${table}"?\\s*\\]\\s*(#.*)?$`, 's').test(line));
  if (header < 0) return null;
  const added = key ?? keys[0] ?? '';
  const text = JSON.stringify(value);
  if (key === undefined) {
    const ending = lines[header]?.endsWith('\r') ? '\r' : '';
    lines.splice(header + 1, 0, `${added} = ${text}${ending}`);
  } else {
    const form = new RegExp(`^(\\s*(?:"${key}"|'${key}'|${key})\\s*=\\s*)(?:"(?:[^"\\\\]|\\\\.)*"|'[^']*')(.*)$`, 's');
    const at = lines.findIndex((line, index) => index > header && form.test(line));
    if (at < 0) return null;
    lines[at] = (lines[at] ?? '').replace(form, (_, start: string, rest: string) => `${start}${text}${rest}`);
  }
  const result = lines.join('\n');
  const wanted = { ...before, [table]: { ...present, [added]: value } };
  return isDeepStrictEqual(plain(readOrNull(result, file)), plain(wanted)) ? result : null;
}

function readOrNull(source: string, file: string): TomlTable | null {
  try {
    return parseToml(source, file);
  } catch {
    return null;
  }
}

/** Without the prototypes that the parser gives its tables. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isTable(value)) return value instanceof Date ? value.toString() : value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}
