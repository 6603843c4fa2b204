/** From what was given to checked values: defaults filled in, every value read by its key's kind. Pure. */

import { type ConfigProblem, showValue } from './problems.ts';
import type { RawValue } from './raw-config.ts';
import { definitions, type SchemaValues } from './schema.ts';
import type { SettingSource } from './settings.ts';
import { RefusedValue } from './value-types/value-type.ts';

/** Checked values with their sources. */
export interface ResolvedValues {
  readonly values: SchemaValues;
  /** The same by full name. */
  readonly meanings: ReadonlyMap<string, unknown>;
  readonly sources: ReadonlyMap<string, SettingSource>;
  /** In the form in which they were given, secrets left out. */
  readonly written: ReadonlyMap<string, unknown>;
  readonly warnings: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

/** Reads the values; a refused one is a problem and counts as its default, so that all problems are found. */
export function resolveValues(
  given: ReadonlyMap<string, RawValue>,
  mode: 'standalone' | 'cluster',
  file: string | null,
): ResolvedValues {
  const sources = new Map<string, SettingSource>();
  const written = new Map<string, unknown>();
  const meanings = new Map<string, unknown>();
  const problems: ConfigProblem[] = [];
  const idle: Record<'none-yet' | 'ignored', string[]> = { 'none-yet': [], ignored: [] };
  const values: Record<string, Record<string, unknown>> = {};
  for (const [key, definition] of definitions) {
    const from = given.get(key);
    if (from && definition.effect) idle[definition.effect].push(key);
    if (!from && definition.requiredInCluster && mode === 'cluster') {
      const message = `is missing; with an [etcd] section it must be ${definition.kind.forms}`;
      problems.push({ key, value: null, place: file ?? 'configuration', message });
    }
    const raw = from ? from.value : definition.default;
    sources.set(key, from?.source ?? 'default');
    written.set(key, definition.secret && raw !== '' ? '[secret]' : raw);
    const dot = key.indexOf('.');
    const section = key.slice(0, dot);
    values[section] ??= {};
    const value = readValue(key, raw, from, problems);
    values[section][key.slice(dot + 1)] = value;
    meanings.set(key, value);
  }
  // Every definition has been read, each by its own kind: this is the form that its section promises.
  const checked = values as unknown as SchemaValues;
  return { values: checked, meanings, sources, written, warnings: describeIdle(idle), problems };
}

function readValue(key: string, raw: unknown, from: RawValue | undefined, problems: ConfigProblem[]): unknown {
  const definition = definitions.get(key);
  if (!definition) throw new Error(`the key ${key} is not defined`);
  try {
    return definition.kind.parse(raw);
  } catch (error) {
    if (!(error instanceof RefusedValue) || !from) throw error;
    const value = definition.secret ? null : showValue(raw);
    problems.push({ key, value, place: from.place, message: error.message });
    return definition.kind.parse(definition.default);
  }
}

function describeIdle({ 'none-yet': noneYet, ignored }: Record<'none-yet' | 'ignored', readonly string[]>) {
  return [
    ...(noneYet.length > 0 ? [`set, but without effect in this version: ${noneYet.join(', ')}`] : []),
    ...(ignored.length > 0 ? [`accepted for compatibility, without effect: ${ignored.join(', ')}`] : []),
  ];
}
