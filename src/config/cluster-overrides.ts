/**
 * What a cluster sets of its nodes' configuration: `config/agent`, `config/container` and, for device plugins,
 * `config/plugins/accelerator` in etcd (spec cluster-state 1.7, 1.8; config-and-ops 5.1; resources-and-stats 4). Only keys that make sense for many nodes count, each read by its own type; what cannot be
 * used is a warning, since it must not keep a node from its work. Pure.
 */

import { RefusedValue } from './definition.ts';
import { ignoredKeyOf, ignoredWarning } from './ignored-keys.ts';
import { showValue } from './problems.ts';
import type { RawValue } from './raw-config.ts';
import { definitions } from './schema.ts';
import { lenientBoolean } from './value-types/scalar.ts';

/** Texts by name, in tables. */
export interface OverrideTable {
  readonly [name: string]: string | OverrideTable;
}

/** What the cluster says of two sections, and options of device plugins by the plugin's name. */
export interface ClusterOverrides {
  readonly agent?: OverrideTable;
  readonly container?: OverrideTable;
  readonly plugins?: OverrideTable;
}

const allowed: ReadonlySet<string> = new Set([
  'agent.mount-path',
  'agent.cohabiting-storage-proxy',
  'agent.public-host',
  'agent.region',
  'agent.scaling-group-type',
  'agent.allow-compute-plugins',
  'agent.block-compute-plugins',
  'agent.image-commit-path',
  'agent.abuse-report-path',
  'agent.force-terminate-abusing-containers',
  'agent.kernel-creation-concurrency',
  'container.kernel-uid',
  'container.kernel-gid',
  'container.advertised-host',
  'container.port-range',
  'container.scratch-size',
]);

/** Tables of `config/agent` that are no keys of the file. */
const limits = /^agent\.(container-logs|api|kernel-lifecycles)(\.|$)/;

/** Options that name code: what a node loads is the node's own decision. */
const ownOptions: ReadonlySet<string> = new Set(['library', 'cuda_library']);
const pluginKey = 'kernelet.plugin-options';

/** The values that count and warnings of those that do not; `own` are those of the node itself. */
export function rawValuesOfCluster(
  overrides: ClusterOverrides,
  own: ReadonlyMap<string, RawValue> = new Map(),
): {
  readonly values: ReadonlyMap<string, RawValue>;
  readonly warnings: readonly string[];
} {
  const values = new Map<string, RawValue>();
  const warnings: string[] = [];
  for (const [key, text] of [...flatten('agent', overrides.agent), ...flatten('container', overrides.container)]) {
    const place = `etcd config/${key.replaceAll('.', '/')}`;
    if (limits.test(key)) continue;
    const ignored = ignoredKeyOf(key);
    if (ignored !== undefined) {
      warnings.push(...[ignoredWarning(ignored, text, place)].filter((warning) => warning !== undefined));
      continue;
    }
    const definition = definitions.get(key);
    if (!definition || !allowed.has(key)) {
      warnings.push(`${place}: ignored, since a cluster cannot set ${key}`);
      continue;
    }
    try {
      // Names of users mean something else on every node.
      if (/-[ug]id$/.test(key) && !/^-?\d+$/.test(text)) throw new RefusedValue('is not a number');
      values.set(key, { value: readText(text, definition.type.parse), source: 'cluster', place });
    } catch (error) {
      if (!(error instanceof RefusedValue)) throw error;
      warnings.push(`${place}: ignored, since ${showValue(text)} ${error.message}`);
    }
  }
  const options = pluginOptions(overrides.plugins ?? {}, own.get(pluginKey)?.value ?? {}, warnings);
  if (options) values.set(pluginKey, { value: options, source: 'cluster', place: `etcd ${pluginPlace}` });
  return { values, warnings };
}

const pluginPlace = 'config/plugins/accelerator';

/** The cluster's options laid over the node's; null when there are none. */
function pluginOptions(tables: OverrideTable, own: unknown, warnings: string[]): unknown {
  const set = Object.entries(tables).flatMap(([plugin, table]) =>
    Object.entries(typeof table === 'string' ? { '': table } : table).flatMap(([option, text]) => {
      if (typeof text === 'string' && option !== '' && !ownOptions.has(option)) return [{ plugin, option, text }];
      warnings.push(`etcd ${pluginPlace}/${plugin}/${option}: ignored, since a cluster cannot set it`);
      return [];
    }),
  );
  if (set.length === 0 || typeof own !== 'object' || own === null) return null;
  const merged = new Map<string, object>(Object.entries(own));
  for (const { plugin, option, text } of set) merged.set(plugin, { ...merged.get(plugin), [option]: text });
  return Object.fromEntries(merged);
}

function* flatten(path: string, table: OverrideTable | undefined): Generator<readonly [key: string, text: string]> {
  for (const [name, value] of Object.entries(table ?? {})) {
    const key = name === '' ? path : `${path}.${name}`;
    if (typeof value === 'string') yield [key, value];
    else yield* flatten(key, value);
  }
}

/** The text itself where its type takes it, else the boolean that it names. Throws RefusedValue. */
function readText(text: string, parse: (value: unknown) => unknown): unknown {
  try {
    parse(text);
    return text;
  } catch (error) {
    if (!(error instanceof RefusedValue) || text === '') throw error;
    const truth = attemptBoolean(text);
    if (truth === undefined) throw error;
    parse(truth);
    return truth;
  }
}

function attemptBoolean(text: string): boolean | undefined {
  try {
    return lenientBoolean.parse(text);
  } catch {
    return undefined;
  }
}
