/** What RPC methods work with, made of the parts of a node in its cluster. */
import type { Agent } from '../../agent/agent.ts';
import { checkHealth, type Dependencies } from '../../agent/node-health.ts';
import type { Settings } from '../../config/settings.ts';
import type { KernelId } from '../../lib/ids.ts';
import { version } from '../../lib/version.ts';
import { creationInfoOf } from '../operations/creation-info-of.ts';
import { Creations } from '../operations/creations.ts';
import { Executions } from '../operations/executions.ts';
import { PortReservations } from '../operations/port-reservations.ts';
import type { LocalConfig, RpcServices } from '../rpc/rpc-method.ts';
import type { ClusterParts } from './cluster-parts.ts';
import type { ClusterWork } from './cluster-work.ts';
import { managerNotifier } from './manager-notifier.ts';
import { nodeNames } from './node-names.ts';

/** What is not made of the parts. */
export interface RpcSurroundings {
  /** The agent that is called, with whatever watches it. */
  readonly agent: Agent;
  readonly work: ClusterWork;
  readonly dependencies: Dependencies;
  /** Moves the node to another scaling group. */
  readonly moveTo: RpcServices['moveTo'];
}

/** Makes them. */
export function rpcServices(parts: ClusterParts, { agent, work, dependencies, moveTo }: RpcSurroundings): RpcServices {
  const { settings, identity, built, clock } = parts;
  const news = managerNotifier(parts);
  const infoOf = (kernel: KernelId) => creationInfoOf(built.kernels.get(kernel), nodeNames(parts));
  return {
    agentId: identity.agentId,
    localConfig: localConfig(settings),
    agent,
    executions: new Executions(agent),
    networks: built.sessionNetworks,
    ports: new PortReservations(built.ports, clock),
    news,
    infoOf,
    moveTo,
    creations: new Creations({
      agent,
      news,
      infoOf,
      clock,
      concurrency: settings.agent.kernelCreationConcurrency,
      pullTimeoutMs: parts.limits.pullTimeoutMs,
    }),
    commits: work.commits,
    images: work.images,
    batches: work.batches,
    health: () => checkHealth(version, dependencies, clock),
  };
}

function localConfig({ agent, watcher }: Settings): LocalConfig {
  const { host, port } = watcher.serviceAddress;
  return {
    abuseReportPath: agent.abuseReportPath,
    watcher: watcher.serviceAddressGiven ? { host, port, tls: watcher.tlsEnabled } : null,
  };
}
