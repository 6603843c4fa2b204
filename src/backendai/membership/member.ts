/**
 * A node that is a member of its cluster (spec config-and-ops 12, cluster-state 1.9): it joins with patience, since the
 * services of a cluster come and go, and it answers calls before it says that it is there.
 */
import { homedir } from 'node:os';
import path from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import type { AssembledNode, AssembleMember } from '../../agent/assembled-node.ts';
import { type Dependencies, probeEngine } from '../../agent/node-health.ts';
import type { ServedNode } from '../../agent/served-node.ts';
import { configFolders } from '../../config/paths.ts';
import { openEventLog } from '../../events/event-log.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { type OperationTimes, watchMethods } from '../../lib/operation-times.ts';
import { JsonStore } from '../../storage/json-store.ts';
import { EventPublisher } from '../events/event-publisher.ts';
import { Outbox } from '../events/outbox/outbox.ts';
import { creationInfoOf } from '../operations/creation-info-of.ts';
import { QuietMarks, quietNote } from '../operations/suppressed-terminations.ts';
import { ClusterStatistics } from '../statistics/cluster-statistics.ts';
import { ClusterLife } from './cluster-life.ts';
import type { ClusterParts } from './cluster-parts.ts';
import { openClusterWork } from './cluster-work.ts';
import { HeartbeatSource } from './heartbeat-source.ts';
import { type JoinOptions, joinCluster } from './joining.ts';
import { logKeeper } from './log-keeper.ts';
import { nodeNames } from './node-names.ts';
import { serveRpc } from './rpc-endpoint.ts';
import { rpcServices } from './rpc-services.ts';

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
  const joined = await joinCluster(options, cleanups);
  const { settings, limits, identity, addresses, state, etcd, redis } = joined;
  const { agentId } = identity;
  const file = path.join(state.path, 'outbox', 'events');
  const outbox = cleanups.use(new Outbox(file, { target: redis.appender, clock, log }));
  const names = { identity, addresses };
  const quiet = new QuietMarks(await JsonStore.open(path.join(state.path, 'quiet'), quietNote, log), log);
  const book = new EventPublisher({
    agentId,
    local: cleanups.use(await openEventLog(state, clock, log)),
    outbox,
    infoOf: (kernel) => creationInfoOf(built.kernels.get(kernel), nodeNames(names)),
    quiet,
    beforeEnd: (event, told) => work.batches.kernelEnds(event, told),
    log,
  });
  const built: AssembledNode = await options.assemble(settings, state, {
    events: book,
    statistics: new ClusterStatistics(redis.statistics, agentId, clock),
    publishAddress: addresses.bindHost,
    readyTimeoutMs: limits.kernelStartTimeoutMs,
    logLimitBytes: limits.containerLogBytes,
    overrideFolders: [
      path.join('/', configFolders.ofMachine),
      path.join(homedir(), configFolders.ofUser),
      process.cwd(),
    ],
    keepLog: (engine) => logKeeper({ engine, redis, book, limits, log }),
  });
  const agent = cleanups.use(built.agent);
  const doors = { etcd, redis, book, outbox, quiet };
  const parts: ClusterParts = { settings, limits, identity, addresses, ...doors, built, clock, log };
  const enter = (group: string): void => {
    identity.scalingGroup = group;
    etcd.moveTo(group);
    life.beatNow();
  };
  const moveTo = async (group: string): Promise<void> => {
    await joined.groups.set(group);
    enter(group);
  };
  const watched = watchMethods<Agent>(agent, 'agent', operations);
  const work = cleanups.use(await openClusterWork(parts, watched, state.path));
  const dependencies: Dependencies = {
    'container-engine': (signal) => probeEngine(built.engine, built.kernels, signal),
    etcd: (signal) => etcd.overlay.get('config/redis/addr', signal),
    redis: () => redis.ping(),
  };
  const services = rpcServices(parts, { agent: watched, work, dependencies, moveTo });
  const rpc = cleanups.use(await serveRpc(parts, services));
  const life: ClusterLife = new ClusterLife(parts, rpc, work, new HeartbeatSource(parts, rpc.publicKey));
  const owned = cleanups.move();
  return {
    settings,
    agent,
    isManaged: true,
    snapshotSocket: path.join(settings.agent.ipcBasePath, 'agent-registry-snapshot.sock'),
    dependencies,
    run: () => life.run(),
    adopt: async ({ agent: { scalingGroup } }) => {
      const group = await joined.groups.inForce(scalingGroup);
      if (group !== identity.scalingGroup) enter(group);
      return ['agent.scaling-group'];
    },
    [Symbol.asyncDispose]: async () => {
      await life.end(options.signal);
      await owned.disposeAsync();
    },
  };
}
