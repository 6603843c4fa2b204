/** The cluster of a simulated member: etcd, Redis and the manager, which are there whatever becomes of the node. */
import { randomOf } from '../../support/random.ts';
import type { Owner, Timeline } from '../world/timeline.ts';
import { EtcdServer } from './etcd-server.ts';
import { Manager } from './manager.ts';
import { RedisServer } from './redis-server.ts';
import { RemoteService } from './remote-service.ts';

/** The name of the simulated node in its cluster. */
export const memberId = 'i-simulated';
const prefix = '/sorna/local';
/** What a manager and its installation put, without which nobody joins. */
const settled = { [`${prefix}/config/redis/addr`]: '10.0.0.3:6379', [`${prefix}/nodes/manager/m-simulated`]: 'up' };
/** A manager takes an agent for lost that it has not heard for so long, in milliseconds. */
const lostAfterMs = 40_000;

/** The services and the manager, as the node and its world see them. */
export class Cluster {
  readonly redis: RedisServer;
  readonly etcd: EtcdServer;
  readonly manager: Manager;
  /** Whether Redis has ever lost what it had acknowledged: then it may be told twice. */
  hasLostEvents = false;
  readonly #timeline: Timeline;

  constructor(parts: {
    readonly timeline: Timeline;
    readonly world: Owner;
    readonly seed: number;
    readonly tell: (text: string) => void;
  }) {
    const { timeline, seed, tell } = parts;
    this.#timeline = timeline;
    this.redis = new RedisServer(new RemoteService({ ...parts, name: 'redis', random: randomOf(seed * 8 + 5) }));
    this.etcd = new EtcdServer(new RemoteService({ ...parts, name: 'etcd', random: randomOf(seed * 8 + 6) }));
    this.manager = new Manager({ tell, now: () => timeline.now });
    this.redis.onEntry = (entry) => this.manager.take(entry);
    this.settle();
  }

  /** A manager registers, in an etcd that knows nothing of it. */
  settle(): void {
    this.etcd.settle(settled);
  }

  heal(): void {
    for (const { service } of [this.redis, this.etcd]) service.heal();
    this.settle();
  }

  /** How far the node says it is, in etcd; undefined: it says nothing. */
  get registration(): string | undefined {
    return this.etcd.pairs.get(`${prefix}/nodes/agents/${memberId}/`);
  }

  /** How long the manager has heard nothing of a node that could have told it something since then, if too long. */
  silenceSince(couldTell: number): number | null {
    const { service } = this.redis;
    if (service.isTroubled) return null;
    const since = this.#timeline.now - Math.max(couldTell, service.troubledAt, this.manager.heartbeatAt);
    return since > lostAfterMs ? since : null;
  }
}
