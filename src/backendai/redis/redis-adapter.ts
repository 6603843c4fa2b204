/**
 * Everything that the agent has of Redis. What must not wait for anything else has a connection of its own: the
 * heartbeat, the outbox, the statistics, the reading of events; logs and records of tasks share one.
 */
import type { HostPort } from '../../config/settings.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { type ContainerLogOptions, storeContainerLog } from './container-log.ts';
import { defaultStreamLength, type EncodedEvent, EventWriter, readEvents, SequencedAppender } from './event-stream.ts';
import { HeartbeatSender } from './heartbeat-sender.ts';
import { namedServers, RedisLink, redisDatabases } from './link.ts';
import type { RedisSettings } from './settings.ts';
import { RedisStatistics } from './statistics-keys.ts';
import { BackgroundTaskRecords } from './task-records.ts';

/** How to make the adapter. */
export interface RedisAdapterOptions {
  readonly settings: RedisSettings;
  readonly agentId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Entries that the stream keeps at least. */
  readonly streamLength?: number;
}

/** What the agent has of Redis. Nothing is connected before it is used. */
export class RedisAdapter implements Disposable {
  readonly #options: RedisAdapterOptions;
  readonly #links = new DisposableStack();
  /** Adds what the outbox sends, exactly once. */
  readonly appender: SequencedAppender;
  readonly statistics: RedisStatistics;
  readonly tasks: BackgroundTaskRecords;
  /** For events that nobody misses when they are lost. */
  readonly events: EventWriter;
  readonly #shared: RedisLink;

  constructor(options: RedisAdapterOptions) {
    this.#options = options;
    const { agentId, streamLength } = options;
    this.#shared = this.#link(redisDatabases.stream);
    this.events = new EventWriter(this.#shared, streamLength);
    this.tasks = new BackgroundTaskRecords(this.#shared);
    this.appender = new SequencedAppender(this.#link(redisDatabases.stream), agentId, streamLength);
    this.statistics = new RedisStatistics(this.#link(redisDatabases.statistics), agentId);
  }

  /**
   * Where the server is; of several, those that know it and those that they name. `isComplete`: whether one of them has named
   * all. Never rejects.
   */
  async servers(): Promise<{ readonly known: readonly HostPort[]; readonly isComplete: boolean }> {
    const { settings } = this.#options;
    const { place } = settings;
    if (place.kind === 'server') return { known: [place.address], isComplete: true };
    const named = await namedServers(place, settings);
    return { known: [...place.sentinels, ...named], isComplete: named.length > 0 };
  }

  /**
   * Makes the sender of heartbeats; `args` gives their encoded arguments and must not wait for anything, `onSent` is called
   * after every beat that has reached the server.
   */
  heartbeats(intervalMs: number, args: () => Uint8Array, onSent: () => void = () => {}): HeartbeatSender {
    const { agentId, clock, log, streamLength = defaultStreamLength } = this.#options;
    const writer = new EventWriter(this.#link(redisDatabases.stream), streamLength);
    return new HeartbeatSender({ writer, agentId, intervalMs, args, onSent, clock, log });
  }

  /** The events of these names from now on, until the signal aborts, whose reason is thrown. */
  read(names: ReadonlySet<string>, signal: AbortSignal): AsyncIterable<EncodedEvent> {
    const { clock, log, settings } = this.#options;
    const link = this.#link(redisDatabases.stream);
    return readEvents({ link, names, clock, log, retryPauseMs: settings.retryPauseMs }, signal);
  }

  /** When a manager got the last heartbeat of this agent, in its own words; null: never, or too long ago. */
  async lastSeen(): Promise<string | null> {
    using link = new RedisLink(this.#options.settings, redisDatabases.live);
    const reply = await link.call(['HGET', 'agent.last_seen', this.#options.agentId]);
    return reply === null ? null : String(reply);
  }

  /** As `storeContainerLog`. */
  async storeLog(log: AsyncIterable<Uint8Array>, options: Omit<ContainerLogOptions, 'link'>): Promise<number> {
    return await storeContainerLog(log, { link: this.#shared, ...options });
  }

  /** Whether the server answers. Throws REDIS_UNAVAILABLE, REDIS_REFUSED. */
  async ping(): Promise<void> {
    await this.#shared.call(['PING']);
  }

  /** Ends every connection; commands under way are refused. */
  [Symbol.dispose](): void {
    this.#links.dispose();
  }

  #link(database: number): RedisLink {
    return this.#links.use(new RedisLink(this.#options.settings, database));
  }
}
