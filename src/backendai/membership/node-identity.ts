/** Who a node is in its cluster (spec config-and-ops 8). */
import { readdir } from 'node:fs/promises';
import type { AgentSettings } from '../../config/settings.ts';
import { KerneletError, toKerneletError } from '../../lib/errors.ts';
import { type AgentId, parseAgentId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import type { AgentIdWish } from '../../storage/state-folder.ts';
import { askMetadata, type DetectedNode, detectNode } from '../identity/detected-node.ts';
import type { NodeAddresses } from '../identity/node-addresses.ts';
import type { NodeNames } from '../operations/creation-info.ts';

/** How managers know the node, and in which group they place sessions on it. */
export interface NodeIdentity {
  readonly agentId: AgentId;
  readonly region: string;
  /** Of the moment: a manager may change it. */
  scalingGroup: string;
}

/** Looks at the machine; upstream's agent leaves files in the same folder. */
export async function detectThisNode({ varBasePath }: AgentSettings): Promise<DetectedNode> {
  const files = await readdir(varBasePath).catch(() => []);
  const wasUpstream = files.some((name) => /^last_registry\..*\.dat$/.test(name));
  return await detectNode({ ask: askMetadata, wasUpstream });
}

/** The name that the state folder is to have: what is configured, else what it has, else what is detected. */
export function wishedId({ id }: AgentSettings, detected: DetectedNode): AgentIdWish {
  return {
    wanted: id === null ? null : asAgentId(id, 'agent.id'),
    detect: async () => asAgentId(detected.id, 'agent.id: the detected name of this machine'),
  };
}

/** Says when a machine is no longer found to be what it was: it stays in its cluster under the name that it had. */
export function warnOfOtherName({ id }: AgentSettings, detected: DetectedNode, agentId: AgentId, log: Logger): void {
  if (id !== null || detected.id === agentId) return;
  log.warn(
    'this machine has another name than it had when it joined; it keeps the old one: set agent.id to change it',
    {
      agentId,
      detected: detected.id,
    },
  );
}

function asAgentId(text: string, what: string): AgentId {
  try {
    return parseAgentId(text);
  } catch (cause) {
    throw new KerneletError('INVALID_CONFIG', `${what}: ${toKerneletError(cause).message}`, { cause });
  }
}

/** The names as they are now: a manager may move a node to another group. */
export function nodeNames({
  addresses,
  identity,
}: {
  readonly addresses: NodeAddresses;
  readonly identity: NodeIdentity;
}): NodeNames {
  return {
    kernelHost: addresses.kernelHost,
    agentAddress: addresses.rpcAddress,
    scalingGroup: identity.scalingGroup,
  };
}
