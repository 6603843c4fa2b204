/** From raw to checked values: defaults filled in, every value read by its key's type. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { RefusedValue } from './definition.ts';
import { type ConfigProblem, showValue } from './problems.ts';
import type { RawValue } from './raw-config.ts';
import { definitions, type SchemaValues } from './schema.ts';
import type { LoadedSettings, SettingSource } from './settings.ts';

/** Checked values with their sources. */
export interface ResolvedValues {
  readonly values: SchemaValues;
  /** The same by full name. */
  readonly meanings: ReadonlyMap<string, unknown>;
  readonly sources: ReadonlyMap<string, SettingSource>;
  /** In the form in which they were written, secrets left out. */
  readonly written: ReadonlyMap<string, unknown>;
  readonly problems: readonly ConfigProblem[];
}

/** Reads the values; a refused one is a problem and counts as its default, so that all problems are found. */
export function resolveValues(
  rawValues: ReadonlyMap<string, RawValue>,
  mode: 'standalone' | 'cluster',
  file: string | null,
): ResolvedValues {
  const sources = new Map<string, SettingSource>();
  const written = new Map<string, unknown>();
  const meanings = new Map<string, unknown>();
  const problems: ConfigProblem[] = [];
  const values: Record<string, Record<string, unknown>> = {};
  for (const [key, definition] of definitions) {
    const raw = rawValues.get(key);
    if (!raw && definition.requiredInCluster && mode === 'cluster') {
      const message = `is missing; with an [etcd] section it must be ${definition.type.forms}`;
      problems.push({ key, value: null, place: file ?? 'configuration', message });
    }
    const form = raw ? raw.value : definition.default;
    sources.set(key, raw?.source ?? 'default');
    written.set(key, definition.secret && form !== '' ? '[secret]' : form);
    const dot = key.indexOf('.');
    const section = key.slice(0, dot);
    values[section] ??= {};
    const value = readValue(key, raw, problems);
    values[section][key.slice(dot + 1)] = value;
    meanings.set(key, value);
  }
  // Every definition has been read, each by its own type: this is the form that its section promises.
  const checked = values as unknown as SchemaValues;
  return { values: checked, meanings, sources, written, problems };
}

function readValue(key: string, raw: RawValue | undefined, problems: ConfigProblem[]): unknown {
  const definition = definitions.get(key);
  if (!definition) throw new Error(`the key ${key} is not defined`);
  if (!raw) return definition.type.parse(definition.default);
  try {
    return definition.type.parse(raw.value);
  } catch (error) {
    if (!(error instanceof RefusedValue)) throw error;
    const value = definition.secret ? null : showValue(raw.value);
    problems.push({ key, value, place: raw.place, message: error.message });
    return definition.type.parse(definition.default);
  }
}

/** The keys with another meaning in two configurations, in the order of the schema. */
export function changedKeys(
  before: Pick<LoadedSettings, 'meanings'>,
  after: Pick<LoadedSettings, 'meanings'>,
): readonly string[] {
  return [...definitions.keys()].filter((key) => !isDeepStrictEqual(before.meanings.get(key), after.meanings.get(key)));
}
