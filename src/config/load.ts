/**
 * Loads the settings: default < file < environment < flag < cluster; every value is read by its key's type. All problems
 * are reported at once, in one INVALID_CONFIG.
 */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { keepSecretsOf } from '../lib/redaction.ts';
import { type ClusterOverrides, rawValuesOfCluster } from './cluster-overrides.ts';
import { compileSettings } from './compile.ts';
import { RefusedValue } from './definition.ts';
import { type ConfigFlags, type Environ, rawValuesOfEnvironment, rawValuesOfFlags } from './environment.ts';
import { ignoredVariables } from './ignored-keys.ts';
import { discoverConfigFile } from './paths.ts';
import { ConfigError, type ConfigProblem, showValue } from './problems.ts';
import { type RawFile, type RawValue, rawValuesOfFile } from './raw-config.ts';
import { definitions, type SchemaValues } from './schema.ts';
import type { LoadedSettings, SettingSource } from './settings.ts';
import { accountLookup } from './value-types/credentials.ts';

/** Where values come from; whatever is absent is taken from this process. */
export interface LoadOptions {
  readonly flags?: ConfigFlags;
  /** Whether `./agent.toml` counts: only for `serve`. */
  readonly includeWorkingDir?: boolean;
  /** What the cluster sets; it wins over everything. */
  readonly cluster?: ClusterOverrides;
  /** Standalone even when the file has `[etcd]`: for an agent inside a command's own process. */
  readonly forceStandalone?: boolean;
  readonly environ?: Environ;
  readonly workingDir?: string;
  readonly homeDir?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** Loads. Throws INVALID_CONFIG (a ConfigError) with every problem. */
export async function loadSettings(options: LoadOptions = {}): Promise<LoadedSettings> {
  const { flags = {}, environ = process.env } = options;
  const context = {
    environ,
    workingDir: options.workingDir ?? process.cwd(),
    homeDir: options.homeDir ?? homedir(),
    uid: options.uid ?? process.getuid?.() ?? 0,
    gid: options.gid ?? process.getgid?.() ?? 0,
  };
  const includeWorkingDir = options.includeWorkingDir ?? false;
  const configFile = await discoverConfigFile({ flag: flags.configFile, includeWorkingDir, ...context });
  const file = configFile === null ? noFile : await readConfigFile(configFile);
  const mode = file.hasEtcd && !options.forceStandalone ? 'cluster' : 'standalone';
  const environment = rawValuesOfEnvironment(environ, file.values);
  const problems: ConfigProblem[] = [...file.problems];
  const own = new Map([...file.values, ...environment, ...rawValuesOfFlags(flags, problems)]);
  const cluster = rawValuesOfCluster(mode === 'cluster' ? (options.cluster ?? {}) : {}, own);
  const raw = new Map([...own, ...cluster.values]);
  settleLevel(raw);
  const resolved = resolveValues(raw, mode, configFile);
  problems.push(...resolved.problems);
  keepSecretsOf(Object.fromEntries(resolved.meanings));
  const compileWarnings: string[] = [];
  const placeOf = (key: string): string => raw.get(key)?.place ?? 'default';
  const settings = compileSettings(resolved.values, {
    ...context,
    mode,
    configFile,
    watcherAddressGiven: file.hasWatcherAddress,
    accounts: accountLookup(await readOrBlank('/etc/passwd'), await readOrBlank('/etc/group')),
    report: (problem) => problems.push({ place: placeOf(problem.key), ...problem }),
    warn: (key, text) => compileWarnings.push(`${placeOf(key)}: ${key} ${text}`),
  });
  const warnings = [
    ...file.warnings,
    ...ignoredVariables(environ),
    ...etcdWarnings(environment, mode),
    ...cluster.warnings,
    ...compileWarnings,
  ];
  if (problems.length > 0) throw new ConfigError(problems, warnings);
  const written = new Map(resolved.written);
  written.set('kernelet.state-dir', settings.stateDir);
  written.set('kernelet.socket', settings.socketPath);
  written.set('container.scratch-root', settings.container.scratchRoot);
  return { settings, sources: resolved.sources, values: written, meanings: resolved.meanings, warnings };
}

const noFile: RawFile = { values: new Map(), hasEtcd: false, hasWatcherAddress: false, warnings: [], problems: [] };

async function readConfigFile(path: string): Promise<RawFile> {
  const refuse = (message: string): never => {
    throw new ConfigError([{ key: 'configuration file', value: null, place: path, message }]);
  };
  const bytes = await readFile(path).catch((error: unknown) =>
    refuse(`cannot be read (${error instanceof Error ? error.message : error})`),
  );
  if (!isUtf8(bytes)) return refuse('is not UTF-8, as TOML has to be');
  return rawValuesOfFile(bytes.toString('utf8'), path);
}

async function readOrBlank(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

/** A level of the environment or the command line outranks the file's `debug.enabled`. */
function settleLevel(raw: Map<string, RawValue>): void {
  const level = raw.get('logging.level');
  if (!level || level.source === 'file') return;
  const isDebug = typeof level.value === 'string' && level.value.toUpperCase() === 'DEBUG';
  raw.set('debug.enabled', { ...level, value: isDebug });
}

function etcdWarnings(environment: ReadonlyMap<string, RawValue>, mode: 'standalone' | 'cluster'): readonly string[] {
  if (mode === 'cluster') return [];
  const variables = [...environment].filter(([key]) => key.startsWith('etcd.')).map(([, value]) => value.place);
  if (variables.length === 0) return [];
  return [`${variables.join(', ')}: without effect, since no file has an [etcd] section: this agent runs alone`];
}

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
function resolveValues(
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
