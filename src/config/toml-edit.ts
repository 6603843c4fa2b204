/** Changing one text in a file of TOML and nothing else of it: not its comments, its order or its blanks. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { isTable, parseToml, type TomlTable } from './toml.ts';

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
