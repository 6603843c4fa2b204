/** The JSON Schema of `agent.toml`, for editors and for `kernelet config schema`. Pure. */
import type { KeyDefinition } from './definition.ts';
import { sections } from './schema.ts';

interface JsonObject {
  readonly type: 'object';
  readonly description?: string;
  readonly properties: Record<string, unknown>;
}

/** The schema (draft 2020-12). Unknown keys are allowed everywhere, as they are accepted with a warning. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const properties: Record<string, unknown> = {};
  for (const section of sections) {
    const table: JsonObject = { type: 'object', description: section.description, properties: {} };
    for (const [name, definition] of Object.entries(section.keys)) place(table, name.split('.'), definition);
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

function place(table: JsonObject, path: readonly string[], definition: KeyDefinition<unknown>): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    table.properties[name] = keySchema(definition);
    for (const alias of definition.aliases ?? []) {
      table.properties[alias.name] = {
        ...keySchema(definition),
        description: `Another name of ${name}.`,
        deprecated: true,
      };
    }
    return;
  }
  const inner = (table.properties[name] ?? { type: 'object', properties: {} }) as JsonObject;
  table.properties[name] = inner;
  place(inner, rest, definition);
}

function keySchema(definition: KeyDefinition<unknown>): Readonly<Record<string, unknown>> {
  return {
    ...definition.kind.json,
    description: `${definition.description}${effectText(definition)}`,
    ...(definition.default === null ? {} : { default: definition.default }),
    ...(definition.effect ? { 'x-effect': definition.effect } : {}),
    ...(definition.environment ? { 'x-environment': definition.environment } : {}),
    ...(definition.secret ? { writeOnly: true } : {}),
  };
}

/** What is said behind the description of a key that nothing reads. */
export function effectText({ effect }: Pick<KeyDefinition<unknown>, 'effect'>): string {
  if (effect === 'none-yet') return ' No effect in this version.';
  return effect === 'ignored' ? ' Accepted for compatibility, without effect.' : '';
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
