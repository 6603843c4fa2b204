/** What a member of a cluster does of its own while it lives, and how it takes its leave. */

import { endKernels } from '../../agent/end-kernels.ts';
import { shownMetadata } from '../../devices/reported-devices.ts';
import { sleep } from '../../lib/clock.ts';
import { raceWithSignal } from '../../lib/deadline.ts';
import { retryForever, runPeriodically, supervise } from '../../lib/retry.ts';
import { VolumeMounts } from '../../storage/mounts/volume-mounts.ts';
import { AbuseReports } from '../operations/abuse-reports.ts';
import type { HeartbeatSender } from '../redis/heartbeat-sender.ts';
import type { ClusterParts } from './cluster-parts.ts';
import type { ClusterWork } from './cluster-work.ts';
import { watchConfiguration } from './configuration-watch.ts';
import type { HeartbeatSource } from './heartbeat-source.ts';
import type { RpcEndpoint } from './rpc-endpoint.ts';
import { followVolumeEvents } from './volume-events.ts';

const imagesPauseMs = 20_000;
const imagesDeadlineMs = 15_000;
const countPauseMs = 10_000;
const abusePauseMs = 30_000;
/** How long each part of the leave may take: nothing that hangs keeps managers from hearing of it. */
const callsGraceMs = 2_000;
const devicesPauseMs = 30_000;
/** A manager takes an agent for lost after two intervals without a heartbeat; it has had twice that time. */
const managerPatience = 4;
const agentGraceMs = 20_000;
const eventsGraceMs = 3_000;
const etcdGraceMs = 2_000;
const jobsGraceMs = 2_000;

/** The life of a node. */
export class ClusterLife {
  readonly #parts: ClusterParts;
  readonly #rpc: RpcEndpoint;
  readonly #work: ClusterWork;
  readonly #source: HeartbeatSource;
  readonly #heartbeats: HeartbeatSender;
  readonly #first = Promise.withResolvers<void>();
  /** Ends heartbeats and what else says that the node is there. */
  readonly #leaving = new AbortController();
  /** Ends what must go on until the last event is sent. */
  readonly #gone = new AbortController();
  readonly #jobs: Promise<void>[] = [];
  #announced = false;

  constructor(parts: ClusterParts, rpc: RpcEndpoint, work: ClusterWork, source: HeartbeatSource) {
    this.#parts = parts;
    this.#rpc = rpc;
    this.#work = work;
    this.#source = source;
    const { settings, redis } = parts;
    this.#heartbeats = redis.heartbeats(
      settings.debug.heartbeatIntervalMs,
      () => source.arguments(),
      () => this.#first.resolve(),
    );
  }

  /** Recovers kernels, then says that the node is there. Resolves when managers have been told. */
  async run(): Promise<void> {
    const { etcd, outbox, built, quiet, log } = this.#parts;
    const { signal } = this.#leaving;
    this.#keep('sending events', this.#gone.signal, (own) => outbox.run(own));
    this.#keep('the registration in etcd', signal, (own) => etcd.registry.keepRegistered(own));
    await built.agent.start({ retry: true });
    this.#work.batches.resume();
    quiet.keepOnly(new Set(built.kernels.list().map(({ spec }) => spec.id)));
    signal.throwIfAborted();
    this.#jobs.push(this.#letFiguresExpire(signal));
    await this.#lookAtImages(signal).catch((error: unknown) => log.warn('images could not be listed', { error }));
    this.#keep('sending heartbeats', signal, (own) => this.#heartbeats.run(own));
    this.#every('looking at images', imagesPauseMs, (own) => this.#lookAtImages(own));
    this.#every('counting containers', countPauseMs, () => this.#count());
    this.#keep('telling what devices there are', signal, (own) => this.#tellDevices(own));
    this.#keep('watching the configuration', signal, (own) => watchConfiguration(etcd.overlay, log, own));
    const volumes = new VolumeMounts();
    this.#keep('reading events on volumes', signal, (own) => followVolumeEvents(this.#parts, volumes, own));
    this.#readAbuseReports();
    this.#jobs.push(this.#announce(signal));
  }

  /** Says something new of the node at once. */
  beatNow(): void {
    this.#heartbeats.sendNow();
  }

  /** Stops, tells managers, and lets go; kernels go on, unless the node keeps none over a `stop`, which is aborted then. */
  async end(stop: AbortSignal): Promise<void> {
    const { settings, built, book, outbox, etcd, clock, log } = this.#parts;
    this.#leaving.abort(new DOMException('the node is leaving', 'AbortError'));
    await this.#rpc.stop(callsGraceMs);
    await this.#work[Symbol.asyncDispose]();
    if (settings.agent.destroyKernelsOnShutdown) await endKernels(built.agent, { stop, clock, log });
    const ended = built.agent[Symbol.asyncDispose]().catch((error: unknown) => {
      log.error('the agent did not end well', { error });
    });
    await this.#within(agentGraceMs, ended);
    if (this.#announced) book.announce('agent_terminated', { reason: 'shutdown' });
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
    const { book, etcd, addresses, settings, log } = this.#parts;
    try {
      await raceWithSignal(this.#first.promise, signal);
      book.announce('agent_started', { reason: 'self-started' });
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
    const waitedMs = managerPatience * settings.debug.heartbeatIntervalMs;
    await sleep(clock, waitedMs, signal);
    if (this.#rpc.hasBeenCalled) return;
    const { scalingGroup } = identity;
    const told = { scalingGroup, address: addresses.rpcAddress, waitedS: Math.round(waitedMs / 1000) };
    const hint =
      'it must be able to reach the address, and it drops heartbeats of a scaling group that it does not have';
    log.info(
      `no manager has called yet, as when there is nothing to do; where it does not list this agent, ${hint}`,
      told,
    );
  }

  async #lookAtImages(signal: AbortSignal): Promise<void> {
    const { built } = this.#parts;
    const either = AbortSignal.any([signal, AbortSignal.timeout(imagesDeadlineMs)]);
    if (await this.#source.lookAtImages(built.agent, either)) this.#heartbeats.sendNow();
  }

  async #count(): Promise<void> {
    const { built, redis } = this.#parts;
    await redis.statistics.writeContainerCount(built.kernels.list().length);
  }

  /** Of kernels that ended while no daemon was there: those that end under this one are its statistics' business. */
  async #letFiguresExpire(signal: AbortSignal): Promise<void> {
    const { built, redis, clock, log } = this.#parts;
    const known = built.kernels.list({ ended: true });
    const over = known.filter(({ phase }) => phase === 'terminating' || phase === 'terminated');
    const ids = over.map(({ spec }) => spec.id);
    const what = 'letting figures of ended kernels expire';
    await retryForever({ what, clock, log, signal }, () => redis.statistics.expireKernels(ids)).catch(() => {});
  }

  #readAbuseReports(): void {
    const { settings, built, redis, clock, log } = this.#parts;
    const { abuseReportPath: folder, forceTerminateAbusingContainers: ends } = settings.agent;
    if (folder === null) return;
    const mark = redis.statistics.writeAbuse.bind(redis.statistics);
    const reports = new AbuseReports({ folder, agent: built.agent, ends, mark, clock, log });
    this.#every('reading reports of abuse', abusePauseMs, () => reports.round());
  }

  async #tellDevices(signal: AbortSignal): Promise<void> {
    const { built, redis, clock, log } = this.#parts;
    const what = 'telling what devices there are';
    // Devices come and go, seldom.
    for (let told: unknown = null; ; await sleep(clock, devicesPauseMs, signal)) {
      const { plugins } = built.devices;
      if (plugins === told) continue;
      const shown = Object.entries(shownMetadata(plugins));
      const documents = new Map(shown.map(([slot, metadata]) => [slot, JSON.stringify(metadata)]));
      await retryForever({ what, clock, log, signal }, () => redis.statistics.writeDeviceMetadata(documents));
      told = plugins;
    }
  }

  #keep(what: string, signal: AbortSignal, job: (signal: AbortSignal) => Promise<void>): void {
    const { clock, log } = this.#parts;
    this.#jobs.push(supervise({ what, clock, log, signal }, job));
  }

  #every(name: string, pauseMs: number, round: (signal: AbortSignal) => Promise<void>): void {
    const { clock, log } = this.#parts;
    this.#jobs.push(runPeriodically({ name, pauseMs, round }, clock, log, this.#leaving.signal));
  }

  async #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    const enough = new AbortController();
    const late = sleep(this.#parts.clock, timeoutMs, enough.signal).catch(() => {});
    await Promise.race([work, late]);
    enough.abort();
  }
}
