/**
 * Joining: the part of a start that talks to the cluster before there is an agent (spec config-and-ops 12, cluster-state
 * 1.9). It has patience with services that are not there, and ends when its signal aborts.
 */
import { realpath, stat } from 'node:fs/promises';
import path, { dirname } from 'node:path';
import type { ClusterOverrides } from '../../config/cluster-overrides.ts';
import type { LoadedSettings, Settings } from '../../config/settings.ts';
import { type Clock, systemClock as clock, sleep } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/folders.ts';
import type { Logger } from '../../lib/log.ts';
import { warnOfEphemeralPorts } from '../../network/host-ports.ts';
import { openStateFolder, type StateFolder } from '../../storage/state-folder.ts';
import { type EtcdAdapter, openEtcd } from '../etcd/etcd-adapter.ts';
import { type AddressHints, machineAddresses, type NodeAddresses, nodeAddresses } from '../identity/node-addresses.ts';
import { RedisAdapter } from '../redis/redis-adapter.ts';
import { type ClusterLimits, readClusterConfiguration } from './cluster-configuration.ts';
import { detectThisNode, type NodeIdentity, warnOfOtherName, wishedId } from './node-identity.ts';
import { ScalingGroupFile } from './scaling-group-file.ts';

/** What a node knows before it has asked its cluster. */
export interface JoinOptions {
  /** Of this node's own file, environment and flags. */
  readonly settings: Settings;
  /** The same with what the cluster sets; the warnings are those that come by it. */
  readonly reload: (cluster: ClusterOverrides) => Promise<Pick<LoadedSettings, 'settings' | 'warnings'>>;
  readonly log: Logger;
  /** Ends the wait for a cluster that is not there. */
  readonly signal: AbortSignal;
}

/** What a node has when it has joined. */
export interface JoinedNode {
  /** With what the cluster has set. */
  readonly settings: Settings;
  readonly limits: ClusterLimits;
  readonly identity: NodeIdentity;
  readonly addresses: NodeAddresses;
  readonly groups: ScalingGroupFile;
  readonly state: StateFolder;
  readonly etcd: EtcdAdapter;
  readonly redis: RedisAdapter;
}

/** Joins; what is opened is in `cleanups`. Throws INVALID_CONFIG, STATE_UNUSABLE, STATE_LOCKED, and the signal's reason. */
export async function joinCluster(
  { settings: own, reload, log, signal }: JoinOptions,
  cleanups: AsyncDisposableStack,
): Promise<JoinedNode> {
  const { etcd: place } = own;
  if (place === null) throw new KerneletError('INTERNAL', 'a node without [etcd] has no cluster');
  const detected = await detectThisNode(own.agent);
  const state = cleanups.use(await openStateFolder(own.stateDir, { agentId: wishedId(own.agent, detected) }));
  const { agentId } = state;
  warnOfOtherName(own.agent, detected, agentId, log);
  const groups = new ScalingGroupFile(own.configFile, path.join(state.path, 'scaling-group.json'), log);
  const scalingGroup = await groups.inForce(own.agent.scalingGroup);
  const identity = { agentId, region: own.agent.region ?? detected.region, scalingGroup };
  const etcd = cleanups.use(await openEtcd(place, identity, { clock, log }));
  const { cloud, instanceType } = detected;
  log.info('joining a cluster', { ...identity, namespace: place.namespace, cloud: cloud ?? 'none', instanceType });
  await etcd.registry.announce('starting', null, signal);
  if (!own.agent.skipManagerDetection) await etcd.registry.waitForManager(signal);
  const configuration = await readClusterConfiguration(etcd.overlay, place, agentId, { clock, log, signal });
  const { settings, warnings } = await reload(configuration.overrides);
  const addresses = await findAddresses(settings, configuration.hints, detected.ip);
  for (const warning of [...warnings, ...addresses.warnings]) log.warn(warning);
  await warnOfEphemeralPorts(settings.container.portRange, log);
  for (const folder of [settings.agent.ipcBasePath, settings.agent.imageCommitPath]) await makeFolder(folder, 0o755);
  await warnOfForeignFolder(settings.agent.ipcBasePath, log);

  const redis = cleanups.use(new RedisAdapter({ settings: configuration.redis, agentId, clock, log }));
  await refuseAgentIdConflict({
    agentId,
    ip: addresses.ip,
    registered: configuration.registeredIp,
    lastSeen: () => redis.lastSeen(),
    heartbeatMs: settings.debug.heartbeatIntervalMs,
    clock,
    log,
    signal,
  });
  return { settings, limits: configuration.limits, identity, addresses, groups, state, etcd, redis };
}

/** The addresses, with this machine's own name and route to etcd where nothing else says one. Throws INVALID_CONFIG. */
async function findAddresses(
  { agent, container, etcd }: Settings,
  hints: AddressHints,
  cloudIp: string | null,
): Promise<NodeAddresses> {
  const server = etcd?.addresses[0] ?? { host: '127.0.0.1', port: 2379 };
  return await nodeAddresses(
    {
      rpcListen: agent.rpcListenAddress,
      rpcAdvertised: agent.advertisedRpcAddress,
      bindHost: container.bindHost,
      advertisedHost: container.advertisedHost,
      publicHost: agent.publicHost,
    },
    hints,
    machineAddresses(server, async () => cloudIp),
  );
}

const sticky = 0o1000;
const othersWrite = 0o002;
const groupWrites = 0o020;

/** Warns when others than root and this process's user decide what is in a folder, or where it is. */
export async function warnOfForeignFolder(folder: string, log: Logger): Promise<void> {
  const places = [await realpath(folder)];
  for (let place = places[0] ?? '/'; place !== '/'; place = dirname(place)) places.push(dirname(place));
  for (const place of places) {
    const why = await foreignness(place);
    if (why === null) continue;
    const text = `agent.ipc-base-path: others can replace the sockets in it, since ${why}`;
    log.warn(`${text}; choose a folder of root, such as /run/backend.ai`, { folder });
    return;
  }
}

async function foreignness(place: string): Promise<string | null> {
  const { uid, gid, mode } = await stat(place);
  if (uid !== 0 && uid !== process.geteuid?.()) return `${place} belongs to user ${uid}`;
  if ((mode & sticky) !== 0) return null;
  if ((mode & othersWrite) !== 0) return `everybody may write in ${place}`;
  return (mode & groupWrites) !== 0 && gid !== 0 ? `the group ${gid} may write in ${place}` : null;
}

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

/**
 * Two agents of one name would take each other's calls and events (spec config-and-ops 8): a copied machine, or a
 * copied file. A node that registered from another address is told apart from one whose address has changed by its
 * heartbeats: the manager notes when it got the last one, and this node has sent none yet. Throws INVALID_CONFIG when
 * another agent lives under this name.
 * What cannot be found out holds nothing up.
 */
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
