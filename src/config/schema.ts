/** The whole schema of `agent.toml`, and the same as JSON Schema, for editors and for `kernelet config schema`. Pure. */
import type { KeyDefinition, SectionDefinition, SectionValues } from './definition.ts';
import { ignoredKeys } from './ignored-keys.ts';
import { agentSection, watcherSection } from './sections/agent.ts';
import { containerSection, resourceSection } from './sections/container.ts';
import { debugSection, loggingSection, metricsSection } from './sections/diagnostics.ts';
import { etcdSection } from './sections/etcd.ts';
import { kerneletSection } from './sections/kernelet.ts';

const byName = {
  kernelet: kerneletSection,
  metrics: metricsSection,
  container: containerSection,
  agent: agentSection,
  etcd: etcdSection,
  resource: resourceSection,
  logging: loggingSection,
  debug: debugSection,
  watcher: watcherSection,
} as const;

/** The sections in the order of the reference. */
export const sections: readonly SectionDefinition[] = Object.values(byName);

/** Every key's definition by its full name: `container.port-range`. */
export const definitions: ReadonlyMap<string, KeyDefinition<unknown>> = new Map(
  sections.flatMap((section) =>
    Object.entries(section.keys).map(([name, definition]) => [`${section.name}.${name}`, definition]),
  ),
);

/** The parsed values of all sections. */
export type SchemaValues = { readonly [Name in keyof typeof byName]: SectionValues<(typeof byName)[Name]> };

interface JsonObject {
  readonly type: 'object';
  readonly description?: string;
  readonly properties: Record<string, unknown>;
}

/** As JSON Schema (draft 2020-12). Unknown keys are allowed everywhere, as they are accepted with a warning. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const properties: Record<string, unknown> = {};
  for (const section of sections) {
    const table: JsonObject = { type: 'object', description: section.description, properties: {} };
    for (const [name, definition] of Object.entries(section.keys)) {
      insert(table, name.split('.'), keySchema(definition));
      for (const { name: alias } of definition.aliases ?? []) {
        const description = `Another name of ${name}.`;
        insert(table, [alias], { ...keySchema(definition), description, deprecated: true });
      }
    }
    for (const [key, { text }] of ignoredKeys) {
      const [inSection, ...path] = key.split('.');
      if (inSection === section.name) insert(table, path, { description: `No effect. ${text}`, 'x-effect': 'ignored' });
    }
    properties[section.name] = table;
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'agent.toml',
    description: 'Configuration of kernelet. Without an [etcd] section it runs alone, and no key is required.',
    type: 'object',
    properties,
    if: { required: ['etcd'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: requiredInCluster(),
  };
}

function insert(table: JsonObject, path: readonly string[], schema: unknown): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    table.properties[name] = schema;
    return;
  }
  const inner = (table.properties[name] ?? { type: 'object', properties: {} }) as JsonObject;
  table.properties[name] = inner;
  insert(inner, rest, schema);
}

function keySchema(definition: KeyDefinition<unknown>): Readonly<Record<string, unknown>> {
  return {
    ...definition.type.json,
    description: definition.description,
    ...(definition.default === null ? {} : { default: definition.default }),
    ...(definition.environment ? { 'x-environment': definition.environment } : {}),
    ...(definition.secret ? { writeOnly: true } : {}),
  };
}

function requiredInCluster(): JsonObject & { readonly required: readonly string[] } {
  const properties: Record<string, { required: string[] }> = {};
  for (const section of sections) {
    const required = Object.entries(section.keys)
      .filter(([, definition]) => definition.requiredInCluster)
      .map(([name]) => name);
    if (required.length > 0) properties[section.name] = { required };
  }
  return { type: 'object', required: Object.keys(properties), properties };
}
