/** Who a node is in its cluster (spec config-and-ops 8). */
import { hostname } from 'node:os';
import type { AgentSettings } from '../../config/settings.ts';

/** The names. */
export interface NodeIdentity {
  readonly agentId: string;
  readonly region: string;
  /** Of the moment: a manager may change it. */
  scalingGroup: string;
}

/** Finds them. */
export async function nodeIdentity(agent: AgentSettings): Promise<NodeIdentity> {
  return {
    agentId: agent.id ?? `i-${hostname()}`,
    region: agent.region ?? 'local',
    scalingGroup: agent.scalingGroup,
  };
}
