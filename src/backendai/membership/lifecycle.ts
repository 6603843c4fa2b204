/** What a member of a cluster does of its own while it lives, and its graceful shutdown. */
import { endKernels } from '../../agent/end-kernels.ts';
import { shownMetadata } from '../../devices/node-plugin.ts';
import { sleep } from '../../lib/clock.ts';
import { raceWithSignal } from '../../lib/deadline.ts';
import { retryForever, runPeriodically, supervise } from '../../lib/retry.ts';
import { VolumeMounts } from '../../storage/mounts/volume-mounts.ts';
import type { MetadataService } from '../metadata/metadata-service.ts';
import { AbuseReports } from '../operations/abuse-reports.ts';
import { watchConfiguration } from './cluster-configuration.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { MemberParts } from './member-parts.ts';
import type { RpcEndpoint } from './rpc-endpoint.ts';
import type { PersistentWork } from './rpc-services.ts';
import { followVolumeEvents } from './volume-events.ts';

const imagesPauseMs = 20_000;
const imagesDeadlineMs = 15_000;
const degradedPauseMs = 1_000;
const countPauseMs = 10_000;
const abusePauseMs = 30_000;
/** How long each part of the shutdown may take: nothing that hangs keeps managers from hearing of it. */
const callsGraceMs = 2_000;
const devicesPauseMs = 30_000;
/** A manager takes an agent for lost after two intervals without a heartbeat; it has had twice that time. */
const maxMissedHeartbeats = 4;
const agentGraceMs = 20_000;
const eventsGraceMs = 3_000;
const etcdGraceMs = 2_000;
const jobsGraceMs = 2_000;

/** What a member does it with. */
interface MemberServices {
  readonly rpc: RpcEndpoint;
  readonly work: PersistentWork;
  readonly heartbeats: Heartbeats;
  /** null: kernels are told nothing. */
  readonly metadata: MetadataService | null;
}

/** The lifecycle of a member. */
export class MemberLifecycle {
  readonly #parts: MemberParts;
  readonly #services: MemberServices;
  /** Ends heartbeats and what else says that the node is there. */
  readonly #shutdown = new AbortController();
  /** Ends what must go on until the last event is sent. */
  readonly #gone = new AbortController();
  readonly #jobs: Promise<void>[] = [];
  #announced = false;

  constructor(parts: MemberParts, services: MemberServices) {
    this.#parts = parts;
    this.#services = services;
  }

  /** Recovers kernels, then says that the node is there. Resolves when that is under way. */
  async run(): Promise<void> {
    const { etcd, outbox, node, suppressed, log } = this.#parts;
    const { signal } = this.#shutdown;
    this.#keep('sending events', this.#gone.signal, (own) => outbox.run(own));
    this.#keep('the registration in etcd', signal, (own) => etcd.registry.keepRegistered(own));
    this.#serveMetadata(signal);
    await node.agent.start({ retry: true });
    this.#services.work.batches.resume();
    suppressed.keepOnly(new Set(node.kernels.list().map(({ spec }) => spec.id)));
    this.#services.work.creations.tellLeft(new Set(node.kernels.list({ ended: true }).map(({ spec }) => spec.id)));
    signal.throwIfAborted();
    this.#jobs.push(this.#letFiguresExpire(signal));
    await this.#refreshImages(signal).catch((error: unknown) => log.warn('images could not be listed', { error }));
    this.#keep('sending heartbeats', signal, (own) => this.#services.heartbeats.run(own));
    this.#every('listing images', imagesPauseMs, (own) => this.#refreshImages(own));
    this.#every('telling what is degraded', degradedPauseMs, async () => this.#services.heartbeats.tellDegraded());
    this.#every('counting containers', countPauseMs, () => this.#count());
    this.#keep('publishing what devices there are', signal, (own) => this.#publishDevices(own));
    this.#keep('watching the configuration', signal, (own) => watchConfiguration(etcd.overlay, log, own));
    const volumes = new VolumeMounts(this.#parts.settings.volumeFileSystems, node.files);
    this.#keep('reading events on volumes', signal, (own) => followVolumeEvents(this.#parts, volumes, own));
    this.#readAbuseReports();
    this.#jobs.push(this.#announce(signal));
  }

  /** Stops, says so to managers, and lets go; kernels go on, unless the node keeps none over a `stop`, which is aborted then. */
  async end(stop: AbortSignal): Promise<void> {
    const { settings, node, publisher, outbox, etcd, clock, log } = this.#parts;
    this.#shutdown.abort(new DOMException('the node is leaving', 'AbortError'));
    await this.#services.rpc.stop(callsGraceMs);
    await this.#services.work[Symbol.asyncDispose]();
    if (settings.agent.destroyKernelsOnShutdown) await endKernels(node.agent, { stop, clock, log });
    const ended = node.agent[Symbol.asyncDispose]().catch((error: unknown) => {
      log.error('the agent did not end well', { error });
    });
    await this.#within(agentGraceMs, ended);
    if (this.#announced) publisher.announce('agent_terminated', { reason: 'shutdown' });
    await outbox.settled(AbortSignal.timeout(eventsGraceMs)).catch(() => {
      log.warn('events wait for the next start', { waiting: outbox.size });
    });
    await etcd.registry.announce('stopped', null, AbortSignal.timeout(etcdGraceMs)).catch(() => {});
    this.#gone.abort(new DOMException('the node is gone', 'AbortError'));
    // What waits for a server that hangs ends with its connection.
    await this.#within(jobsGraceMs, Promise.all(this.#jobs));
  }

  /** Managers may call from here on: the socket is bound, and kernels are recovered. */
  async #announce(signal: AbortSignal): Promise<void> {
    const { publisher, etcd, addresses, settings, log } = this.#parts;
    try {
      await raceWithSignal(this.#services.heartbeats.first, signal);
      publisher.announce('agent_started', { reason: 'self-started' });
      this.#announced = true;
      const { serviceAddress, serviceAddressGiven } = settings.watcher;
      const watcherPort = serviceAddressGiven ? serviceAddress.port : null;
      await etcd.registry.announce('running', { ip: addresses.ip, watcherPort }, signal);
      log.info('member of the cluster', { address: addresses.rpcAddress });
      await this.#listenForManagers(signal);
    } catch (error) {
      if (!signal.aborted) log.error('the node could not be announced', { error });
    }
  }

  /** A manager drops heartbeats that it cannot use without a word to the agent (spec config-and-ops 14). */
  async #listenForManagers(signal: AbortSignal): Promise<void> {
    const { settings, identity, addresses, clock, log } = this.#parts;
    const waitedMs = maxMissedHeartbeats * settings.debug.heartbeatIntervalMs;
    await sleep(clock, waitedMs, signal);
    if (this.#services.rpc.hasBeenCalled) return;
    const { scalingGroup } = identity;
    const published = { scalingGroup, address: addresses.rpcAddress, waitedS: Math.round(waitedMs / 1000) };
    const hint =
      'it must be able to reach the address, and it drops heartbeats of a scaling group that it does not have';
    log.info(
      `no manager has called yet, as when there is nothing to do; where it does not list this agent, ${hint}`,
      published,
    );
  }

  async #refreshImages(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, AbortSignal.timeout(imagesDeadlineMs)]);
    await this.#services.heartbeats.refreshImages(this.#parts.node.agent, either);
  }

  async #count(): Promise<void> {
    const { node, redis } = this.#parts;
    await redis.statistics.writeContainerCount(node.kernels.list().length);
  }

  /** Of kernels that ended while no daemon was there: those that end under this one are its statistics' business. */
  async #letFiguresExpire(signal: AbortSignal): Promise<void> {
    const { node, redis, clock, log } = this.#parts;
    const known = node.kernels.list({ ended: true });
    const over = known.filter(({ phase }) => phase === 'terminating' || phase === 'terminated');
    const ids = over.map(({ spec }) => spec.id);
    const what = 'letting figures of ended kernels expire';
    await retryForever({ what, clock, log, signal }, () => redis.statistics.expireKernels(ids)).catch(() => {});
  }

  #serveMetadata(signal: AbortSignal): void {
    const { node, settings, clock, log } = this.#parts;
    const { metadata } = this.#services;
    if (metadata === null) return;
    const { kernels, engine } = node;
    const parts = { kernels, engine, node: { isJail: settings.container.isJail }, clock, log };
    this.#keep('serving metadata', signal, (own) => metadata.run(parts, own));
  }

  #readAbuseReports(): void {
    const { settings, node, redis, clock, log } = this.#parts;
    const { abuseReportPath: folder, forceTerminateAbusingContainers: ends } = settings.agent;
    if (folder === null) return;
    const mark = redis.statistics.writeAbuse.bind(redis.statistics);
    const reports = new AbuseReports({ folder, agent: node.agent, ends, mark, clock, log });
    this.#every('reading reports of abuse', abusePauseMs, () => reports.round());
  }

  async #publishDevices(signal: AbortSignal): Promise<void> {
    const { node, redis, clock, log } = this.#parts;
    const what = 'publishing what devices there are';
    // Devices come and go, seldom.
    for (let published: unknown = null; ; await sleep(clock, devicesPauseMs, signal)) {
      const { plugins } = node.devices;
      if (plugins === published) continue;
      const shown = Object.entries(shownMetadata(plugins));
      const documents = new Map(shown.map(([slot, metadata]) => [slot, JSON.stringify(metadata)]));
      await retryForever({ what, clock, log, signal }, () => redis.statistics.writeDeviceMetadata(documents));
      published = plugins;
    }
  }

  #keep(what: string, signal: AbortSignal, job: (signal: AbortSignal) => Promise<void>): void {
    const { clock, log } = this.#parts;
    this.#jobs.push(supervise({ what, clock, log, signal }, job));
  }

  #every(name: string, pauseMs: number, round: (signal: AbortSignal) => Promise<void>): void {
    const { clock, log } = this.#parts;
    this.#jobs.push(runPeriodically({ name, pauseMs, round }, clock, log, this.#shutdown.signal));
  }

  async #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    const enough = new AbortController();
    const late = sleep(this.#parts.clock, timeoutMs, enough.signal).catch(() => {});
    await Promise.race([work, late]);
    enough.abort();
  }
}
