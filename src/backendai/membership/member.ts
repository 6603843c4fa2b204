/**
 * A node that is a member of its cluster (spec config-and-ops 12, cluster-state 1.9): it joins with patience, since the
 * services of a cluster come and go, and it answers calls before it says that it is there.
 */

import { homedir } from 'node:os';
import path from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import { type AssembleMember, type Dependencies, probeEngine, type ServedNode } from '../../agent/node.ts';
import { configFolders } from '../../config/paths.ts';
import type { Settings } from '../../config/settings.ts';
import { openEventLog } from '../../events/event-log.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { type OperationTimes, watchMethods } from '../../lib/operation-times.ts';
import { ClusterServices } from '../../network/cluster-services.ts';
import { AgentSocket } from '../agent-socket/agent-socket.ts';
import { EventPublisher } from '../events/event-publisher.ts';
import { Outbox } from '../events/outbox.ts';
import { MetadataService } from '../metadata/metadata-service.ts';
import { creationInfoOf } from '../operations/creation-info.ts';
import { LastLogs } from '../operations/last-logs.ts';
import { SuppressedTerminations } from '../operations/suppressed-terminations.ts';
import { ClusterStatistics } from '../statistics/cluster-statistics.ts';
import { Heartbeats } from './heartbeats.ts';
import { type JoinOptions, joinCluster } from './join.ts';
import { MemberLifecycle } from './lifecycle.ts';
import type { MemberParts } from './member-parts.ts';
import { nodeNames } from './node-identity.ts';
import { curveKeysOf, serveRpc } from './rpc-endpoint.ts';
import { openPersistentWork, rpcServices } from './rpc-services.ts';

/** TCP ports of this host that only the cluster and its operators call, and kernels by 169.254.169.254 alone. */
const ownPorts = ({ agent, watcher, metrics }: Settings): readonly number[] => [
  agent.rpcListenAddress.port,
  watcher.serviceAddress.port,
  ...(metrics.listen === null ? [] : [metrics.listen.port]),
  ...(agent.metadataServer === null ? [] : [agent.metadataServer.port]),
];

/** How a node becomes a member. */
export interface OpenMemberOptions extends JoinOptions {
  readonly operations: OperationTimes;
  /** Makes the node that is to be a member. */
  readonly assemble: AssembleMember;
}

/**
 * Joins: returns when calls are answered. Throws INVALID_CONFIG, STATE_UNUSABLE, what `assemble` throws, and the signal's reason.
 */
export async function openMember(options: OpenMemberOptions): Promise<ServedNode> {
  const { log, operations } = options;
  await using cleanups = new AsyncDisposableStack();
  const { groups, state, ...joined } = await joinCluster(options, cleanups);
  const { settings, limits, identity, addresses, etcd, redis } = joined;
  const { agentId } = identity;
  const curveKeys = await curveKeysOf(settings.agent, log);
  const outboxFile = path.join(state.path, 'outbox', 'events');
  const outbox = cleanups.use(new Outbox(outboxFile, { target: redis.appender, writes: state.writes, clock, log }));
  const suppressed = await SuppressedTerminations.open(state, log);
  const publisher = new EventPublisher({
    agentId,
    local: cleanups.use(await openEventLog(state, clock, log)),
    outbox,
    infoOf: (kernel) => creationInfoOf(kernel, nodeNames(joined)),
    suppressed,
    log,
  });
  const { metadataServer } = settings.agent;
  const metadata = metadataServer === null ? null : new MetadataService(metadataServer);
  const node = await options.assemble(settings, state, {
    events: publisher,
    statistics: new ClusterStatistics(redis.statistics, agentId, clock),
    services: new ClusterServices({
      services: async () => {
        const { known, isComplete } = await redis.servers();
        return { known: [...(settings.etcd?.addresses ?? []), ...known], isComplete };
      },
      ownPorts: ownPorts(settings),
      clock,
      log,
    }),
    metadata: () => metadata?.target ?? null,
    publishAddress: addresses.bindHost,
    readyTimeoutMs: limits.kernelStartTimeoutMs,
    logLimitBytes: limits.containerLogBytes,
    overrideFolders: [
      path.join('/', configFolders.ofMachine),
      path.join(homedir(), configFolders.ofUser),
      process.cwd(),
    ],
    serveAgentSocket: (engine) => {
      const socket = new AgentSocket({ engine, isJail: settings.container.isJail, clock });
      return (containerId) => socket.of(containerId);
    },
    hooks: (engine) => {
      const logs = new LastLogs({
        engine,
        store: (content, where) => redis.storeLog(content, where),
        publish: (kernel, container) => publisher.announce('do_sync_kernel_logs', { kernel, container }),
        chunkBytes: () => limits.containerLogChunkBytes,
        clock,
        log,
      });
      return { beforeRemoval: (...of) => logs.keep(...of) };
    },
  });
  cleanups.use(node.agent);
  const parts: MemberParts = { ...joined, outbox, suppressed, publisher, node, clock, log };
  const agent = watchMethods<Agent>(node.agent, 'agent', operations);
  const work = cleanups.use(await openPersistentWork(parts, agent, state));
  publisher.onTermination((event, isPublished) => work.batches.kernelEnds(event, isPublished));
  const dependencies: Dependencies = {
    'container-engine': (signal) => probeEngine(node.engine, node.kernels, signal),
    etcd: (signal) => etcd.overlay.get('config/redis/addr', signal),
    redis: () => redis.ping(),
    'state-disk': async () => state.writes.assertWritable(),
  };
  const heartbeats = new Heartbeats(parts, curveKeys?.publicKey ?? null);
  const enterGroup = (group: string): void => {
    identity.scalingGroup = group;
    etcd.moveTo(group);
    heartbeats.sendNow();
  };
  const moveTo = async (group: string): Promise<void> => {
    await groups.set(group);
    enterGroup(group);
  };
  const services = rpcServices(parts, { agent, work, dependencies, moveTo });
  const rpc = cleanups.use(await serveRpc(parts, curveKeys, services));
  const lifecycle = new MemberLifecycle(parts, { rpc, work, heartbeats, metadata });
  const owned = cleanups.move();
  return {
    settings,
    agent: node.agent,
    isManaged: true,
    snapshotSocket: path.join(settings.agent.ipcBasePath, 'agent-registry-snapshot.sock'),
    dependencies,
    run: () => lifecycle.run(),
    adopt: async ({ agent: { scalingGroup } }) => {
      const group = await groups.inForce(scalingGroup);
      if (group !== identity.scalingGroup) enterGroup(group);
      return ['agent.scaling-group'];
    },
    [Symbol.asyncDispose]: async () => {
      await lifecycle.end(options.signal);
      await owned.disposeAsync();
    },
  };
}
