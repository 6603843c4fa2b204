/** The whole schema of `agent.toml`. */
import type { KeyDefinition, SectionDefinition, SectionValues } from './definition.ts';
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
