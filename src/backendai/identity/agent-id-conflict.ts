/**
 * Two agents of one name would take each other's calls and events (spec config-and-ops 8): a copied machine, or a copied
 * file. A node that registered from another address is told apart from one whose address has changed by its heartbeats: the
 * manager notes when it got the last one, and this node has sent none yet.
 */
import { type Clock, sleep } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';

/** Who this node is, and where to ask whether another one is that too. */
export interface AgentIdConflictOptions {
  readonly agentId: string;
  /** The address under which managers reach this node. */
  readonly ip: string;
  /** The address under which the name is registered. */
  readonly registered: string | undefined;
  /** When a manager got the last heartbeat under this name, in its own words; null: never, or too long ago. */
  readonly lastSeen: () => Promise<string | null>;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Room for a heartbeat that comes late. */
const marginMs = 2_000;

/** Throws INVALID_CONFIG when another agent lives under this name. What cannot be found out holds nothing up. */
export async function refuseAgentIdConflict(options: AgentIdConflictOptions): Promise<void> {
  const { agentId, ip, registered, lastSeen, heartbeatMs, clock, log, signal } = options;
  if (registered === undefined || registered === ip) return;
  try {
    const before = await lastSeen();
    if (before === null) return;
    log.warn('this node was registered from another address; waiting whether heartbeats come from there', {
      registered,
      ip,
    });
    await sleep(clock, heartbeatMs * 1.25 + marginMs, signal);
    const after = await lastSeen();
    if (after === null || after === before) return;
  } catch (error) {
    signal.throwIfAborted();
    log.warn('whether another agent has the name of this one cannot be found out', { error });
    return;
  }
  const text = `agent.id: another agent at ${registered} is ${agentId} too; give one of them another name`;
  throw new KerneletError('INVALID_CONFIG', text, { context: { key: 'agent.id' } });
}
