/** The whole schema of `agent.toml`. */
import type { KeyDefinition, SectionDefinition, SectionValues } from './definition.ts';
import { agentSection } from './sections/agent.ts';
import { containerSection } from './sections/container.ts';
import { debugSection } from './sections/debug.ts';
import { etcdSection } from './sections/etcd.ts';
import { kerneletSection } from './sections/kernelet.ts';
import { loggingSection } from './sections/logging.ts';
import { metricsSection } from './sections/metrics.ts';
import { resourceSection } from './sections/resource.ts';
import { watcherSection } from './sections/watcher.ts';

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

/**
 * Keys of later releases of upstream that have no counterpart here (spec config-and-ops 27). They are accepted in
 * silence, so that one file serves both; a name stands for everything below it.
 */
export const silentlyAccepted: readonly string[] = [
  'license',
  'agents',
  'otel',
  'pyroscope',
  'service-discovery',
  'agent.internal-addr',
  'agent.service-addr',
  'agent.announce-internal-addr',
  'agent.announce-addr',
  'agent.ssl-enabled',
  'agent.ssl-cert',
  'agent.ssl-key',
  'agent.allow-network-plugins',
  'agent.block-network-plugins',
  'agent.mount-path-uid-gid',
  'agent.utilization-metric',
  'container.port-reuse-cooldown-sec',
  'container.krunner-volumes',
  'resource.allocation-mode',
  'resource.allocations',
  'resource.memory-align-size',
  'container-logs',
  'api',
  'kernel-lifecycles',
  'redis',
];
