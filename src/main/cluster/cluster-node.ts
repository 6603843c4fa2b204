/**
 * A node that is a member of its cluster (spec config-and-ops 12, cluster-state 1.9): it joins with patience, since the
 * services of a cluster come and go, and it answers calls before it says that it is there.
 */
import path from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import { creationInfoOf } from '../../agent/cluster/creation-info-of.ts';
import { LastLogs } from '../../agent/cluster/last-logs.ts';
import { QuietMarks, quietNote } from '../../agent/cluster/quiet-ends.ts';
import { openEtcd } from '../../cluster/etcd-door.ts';
import { refuseTwin } from '../../cluster/identity/twin.ts';
import { RedisDoor } from '../../cluster/redis-door.ts';
import type { ClusterOverrides } from '../../config/cluster-overrides.ts';
import type { LoadedSettings, Settings } from '../../config/settings.ts';
import { ClusterEventBook } from '../../events/cluster/cluster-event-book.ts';
import { Outbox } from '../../events/outbox/outbox.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { type OperationTimes, watchMethods } from '../../lib/operation-times.ts';
import { ClusterStatistics } from '../../stats/cluster-statistics.ts';
import { Notes } from '../../storage/notes.ts';
import { openStateFolder } from '../../storage/state-folder.ts';
import { type BuiltAgent, buildAgent, openEventLog, type Rehearsal } from '../build-agent.ts';
import { warnOfOutgoingPorts } from '../outgoing-ports-warning.ts';
import type { ServedNode } from '../served-node.ts';
import { ClusterLife } from './cluster-life.ts';
import type { ClusterParts } from './cluster-parts.ts';
import { openClusterWork } from './cluster-work.ts';
import { readClusterConfiguration } from './configuration.ts';
import { findAddresses } from './find-addresses.ts';
import { HeartbeatSource } from './heartbeat-source.ts';
import { detectThisNode, tellOtherName, wishedId } from './node-identity.ts';
import { nodeNames } from './node-names.ts';
import { serveRpc } from './rpc-door.ts';
import { rpcServices } from './rpc-services.ts';
import { ScalingGroupFile } from './scaling-group-file.ts';

/** How to join. */
export interface ClusterNodeOptions {
  /** Of this node's own file, environment and flags. */
  readonly settings: Settings;
  /** The same with what the cluster sets; the warnings are those that come by it. */
  readonly reload: (cluster: ClusterOverrides) => Promise<Pick<LoadedSettings, 'settings' | 'warnings'>>;
  readonly operations: OperationTimes;
  readonly log: Logger;
  /** Ends the wait for a cluster that is not there. */
  readonly signal: AbortSignal;
  readonly rehearsal?: Rehearsal;
}

/** A manager may order a session any time, and the next one soon after it. */
const readyNetworks = 2;

/**
 * Joins: returns when calls are answered. Throws INVALID_CONFIG, what `buildAgent` throws, and the signal's reason.
 */
export async function buildClusterNode(options: ClusterNodeOptions): Promise<ServedNode> {
  const { log, signal, operations, rehearsal } = options;
  await using cleanups = new AsyncDisposableStack();
  const { etcd: place, agent: own, stateDir } = options.settings;
  if (place === null) throw new KerneletError('INTERNAL', 'a node without [etcd] has no cluster');
  if (own.backend !== 'docker' && !rehearsal) {
    const text = `agent.backend: this version serves docker alone, not ${own.backend}`;
    throw new KerneletError('NOT_SUPPORTED', text, { context: { key: 'agent.backend' } });
  }
  const detected = await detectThisNode(own);
  const state = cleanups.use(await openStateFolder(stateDir, { agentId: wishedId(own, detected) }));
  const { agentId } = state;
  tellOtherName(own, detected, agentId, log);
  const groups = new ScalingGroupFile(options.settings.configFile, path.join(state.path, 'scaling-group.json'), log);
  const scalingGroup = await groups.inForce(own.scalingGroup);
  const identity = { agentId, region: own.region ?? detected.region, scalingGroup };
  const etcd = cleanups.use(await openEtcd(place, identity, { clock, log }));
  const { cloud, instanceType } = detected;
  log.info('joining a cluster', { ...identity, namespace: place.namespace, cloud: cloud ?? 'none', instanceType });
  await etcd.registry.announce('starting', null, signal);
  if (!own.skipManagerDetection) await etcd.registry.waitForManager(signal);
  const configuration = await readClusterConfiguration(etcd.overlay, place, agentId, { clock, log, signal });
  const { settings, warnings } = await options.reload(configuration.overrides);
  const addresses = await findAddresses(settings, configuration.hints, detected.ip);
  for (const warning of [...warnings, ...addresses.warnings]) log.warn(warning);
  await warnOfOutgoingPorts(settings.container.portRange, log);
  for (const folder of [settings.agent.ipcBasePath, settings.agent.imageCommitPath]) await makeFolder(folder, 0o755);

  const redis = cleanups.use(new RedisDoor({ settings: configuration.redis, agentId, clock, log }));
  await refuseTwin({
    agentId,
    ip: addresses.ip,
    registered: configuration.registeredIp,
    lastSeen: () => redis.lastSeen(),
    heartbeatMs: settings.debug.heartbeatIntervalMs,
    clock,
    log,
    signal,
  });
  const file = path.join(state.path, 'outbox', 'events');
  const outbox = cleanups.use(new Outbox(file, { target: redis.appender, clock, log }));
  const names = { identity, addresses };
  const quiet = new QuietMarks(await Notes.open(path.join(state.path, 'quiet'), quietNote, log), log);
  const book = new ClusterEventBook({
    agentId,
    local: cleanups.use(await openEventLog(state, log)),
    outbox,
    infoOf: (kernel) => creationInfoOf(built.kernels.get(kernel), nodeNames(names)),
    quiet,
    beforeEnd: (event, told) => work.batches.kernelEnds(event, told),
    log,
  });
  const built: BuiltAgent = await buildAgent({
    settings,
    stateDir,
    state,
    scratchRoot: settings.container.scratchRoot,
    readyNetworks,
    willMakeKernels: true,
    operations,
    log,
    onProgress: (text) => log.info(text),
    cluster: {
      events: book,
      statistics: new ClusterStatistics(redis.statistics, agentId, clock),
      publishAddress: addresses.bindHost,
      readyTimeoutMs: configuration.limits.kernelStart.timeoutMs,
      logLimitBytes: configuration.limits.containerLogBytes,
      keepLog: (engine) => {
        const logs = new LastLogs({
          engine,
          store: (content, where) => redis.storeLog(content, where),
          tell: (kernel, container) => book.announce('do_sync_kernel_logs', { kernel, container }),
          chunkBytes: () => configuration.limits.containerLogChunkBytes,
          clock,
          log,
        });
        return (...of) => logs.keep(...of);
      },
    },
    ...(rehearsal ? { rehearsal } : {}),
  });
  const agent = cleanups.use(built.agent);
  const { limits } = configuration;
  const doors = { etcd, redis, book, outbox, quiet };
  const parts: ClusterParts = { settings, limits, identity, addresses, ...doors, built, clock, log };
  const moveTo = async (group: string): Promise<void> => {
    await groups.set(group);
    identity.scalingGroup = group;
    etcd.moveTo(group);
    life.beatNow();
  };
  const watched = watchMethods<Agent>(agent, 'agent', operations);
  const work = cleanups.use(await openClusterWork(parts, watched, state.path));
  const rpc = cleanups.use(await serveRpc(parts, rpcServices(parts, { agent: watched, work, moveTo })));
  const life: ClusterLife = new ClusterLife(parts, rpc, work, new HeartbeatSource(parts, rpc.publicKey));
  const owned = cleanups.move();
  return {
    settings,
    agent,
    run: () => life.run(),
    [Symbol.asyncDispose]: async () => {
      await life.end();
      await owned.disposeAsync();
    },
  };
}
