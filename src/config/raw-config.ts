/**
 * The raw configuration: what the operator has written, before defaults and before anything is checked. Here the values
 * of a file's known keys, by full key name, each with its place; those of unknown and ignored keys are warned of. Pure.
 */
import { didYouMean, nearestName } from '../lib/nearest-name.ts';
import { ignoredKeys, ignoredWarning, keysOfLaterReleases } from './ignored-keys.ts';
import { type ConfigProblem, showValue } from './problems.ts';
import { definitions, sections } from './schema.ts';
import type { SettingSource } from './settings.ts';
import { isTable, keyLines, parseToml, type TomlTable } from './toml.ts';

/** A value as written, and where: `place` is `agent.toml:12`, a variable or a flag. */
export interface RawValue {
  readonly value: unknown;
  readonly source: Exclude<SettingSource, 'default'>;
  readonly place: string;
}

/** What a file holds: values of known keys, and what is to be said of the others. */
export interface RawFile {
  readonly values: ReadonlyMap<string, RawValue>;
  readonly hasEtcd: boolean;
  readonly hasWatcherAddress: boolean;
  readonly warnings: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

/** What a name in a file stands for. Of two names of one key in a file, the one with the higher rank counts. */
interface KnownName {
  readonly key: string;
  readonly rank: number;
}
const [plainAlias, theKeyItself, winningAlias] = [0, 1, 2];
const canonical = new Map<string, KnownName>();
/** Names of tables that hold known keys. */
const tables = new Set<string>();
for (const section of sections) {
  tables.add(section.name);
  for (const [name, definition] of Object.entries(section.keys)) {
    const key = `${section.name}.${name}`;
    canonical.set(key, { key, rank: theKeyItself });
    const parts = key.split('.');
    for (let depth = 2; depth < parts.length; depth += 1) tables.add(parts.slice(0, depth).join('.'));
    for (const alias of definition.aliases ?? []) {
      canonical.set(`${section.name}.${alias.name}`, { key, rank: alias.wins ? winningAlias : plainAlias });
    }
  }
}
const silent = new Set(keysOfLaterReleases);
/** Names that mean something in a file. */
const isKnown = (name: string): boolean =>
  canonical.has(name) || tables.has(name) || silent.has(name) || ignoredKeys.has(name);

/** Reads the text of a file. Throws INVALID_CONFIG when it is not TOML. */
export function rawValuesOfFile(text: string, file: string): RawFile {
  const reader = new FileReader(file, keyLines(text));
  const content = parseToml(text, file);
  reader.readTable(content, '', '');
  return {
    values: reader.values,
    hasEtcd: isTable(content['etcd']),
    hasWatcherAddress: reader.values.has('watcher.service-addr'),
    warnings: [...reader.warnings, ...describeUnknown(reader.unknown, file)],
    problems: reader.problems,
  };
}

class FileReader {
  readonly values = new Map<string, RawValue>();
  readonly unknown: string[] = [];
  readonly warnings: string[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #ranks = new Map<string, number>();
  readonly #file: string;
  readonly #lines: ReadonlyMap<string, number>;

  constructor(file: string, lines: ReadonlyMap<string, number>) {
    this.#file = file;
    this.#lines = lines;
  }

  /** `path` is the table's known name, `written` the one in the file, which may have `_` where the known has `-`. */
  readTable(table: TomlTable, path: string, written: string): void {
    for (const [name, value] of Object.entries(table)) {
      const writtenKey = written === '' ? name : `${written}.${name}`;
      const key = knownForm(path === '' ? name : `${path}.${name}`);
      const known = canonical.get(key);
      if (known) this.#take(known, key, writtenKey, value);
      else if (ignoredKeys.has(key)) this.#ignore(key, writtenKey, value);
      else if (tables.has(key)) this.#enter(key, writtenKey, value);
      else if (!silent.has(key)) this.unknown.push(writtenKey);
    }
  }

  #take({ key, rank }: KnownName, name: string, written: string, value: unknown): void {
    const place = this.#place(written);
    if (rank === winningAlias) this.warnings.push(`${place}: ${name} is deprecated; it is taken for ${key}`);
    const before = this.#ranks.get(key) ?? -1;
    const other = this.values.get(key)?.place;
    if (other !== undefined) {
      const counts = before > rank ? `the one at ${other}` : 'this one';
      this.warnings.push(`${place}: ${key} is set already, at ${other}; ${counts} counts`);
    }
    if (before > rank) return;
    this.#ranks.set(key, rank);
    this.values.set(key, { value, source: 'file', place });
  }

  #ignore(key: string, written: string, value: unknown): void {
    const warning = ignoredWarning(key, value, this.#place(written));
    if (warning !== undefined) this.warnings.push(warning);
  }

  #enter(key: string, written: string, value: unknown): void {
    if (isTable(value)) this.readTable(value, key, written);
    else this.problems.push({ key, value: showValue(value), place: this.#place(written), message: 'must be a table' });
  }

  #place(written: string): string {
    const line = this.#lines.get(written);
    return line === undefined ? this.#file : `${this.#file}:${line}`;
  }
}

/** Snake case is accepted for every key (spec config-and-ops 27). */
function knownForm(key: string): string {
  const kebab = key.replaceAll('_', '-');
  return isKnown(kebab) ? kebab : key;
}

function describeUnknown(unknown: readonly string[], file: string): readonly string[] {
  if (unknown.length === 0) return [];
  const list = unknown.slice(0, 50).map((key) => `${key}${suggestion(key)}`);
  if (unknown.length > list.length) list.push(`${unknown.length - list.length} more`);
  return [`${file}: unknown ${unknown.length === 1 ? 'key' : 'keys'}, ignored: ${list.join(', ')}`];
}

function suggestion(key: string): string {
  const dot = key.indexOf('.');
  if (dot < 0) return didYouMean(key, tables);
  const [section, rest] = [knownForm(key.slice(0, dot)), key.slice(dot + 1)];
  const namesIn = (name: string): readonly string[] =>
    [...canonical.keys(), ...ignoredKeys.keys()]
      .filter((known) => known.startsWith(`${name}.`))
      .map((known) => known.slice(name.length + 1));
  const nearest = nearestName(rest, namesIn(section));
  if (nearest !== undefined) return ` (did you mean "${section}.${nearest}"?)`;
  const elsewhere = [...definitions.keys()].find((known) => known.slice(known.indexOf('.') + 1) === rest);
  return elsewhere === undefined ? '' : ` (did you mean "${elsewhere}"?)`;
}
