/** What everything of a node in its cluster is built from. */
import type { QuietMarks } from '../../agent/cluster/quiet-ends.ts';
import type { ClusterLimits } from '../../cluster/cluster-limits.ts';
import type { EtcdDoor } from '../../cluster/etcd-door.ts';
import type { NodeAddresses } from '../../cluster/identity/node-addresses.ts';
import type { RedisDoor } from '../../cluster/redis-door.ts';
import type { Settings } from '../../config/settings.ts';
import type { ClusterEventBook } from '../../events/cluster/cluster-event-book.ts';
import type { Outbox } from '../../events/outbox/outbox.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { BuiltAgent } from '../build-agent.ts';
import type { NodeIdentity } from './node-identity.ts';

/** The parts. */
export interface ClusterParts {
  /** With what the cluster has set. */
  readonly settings: Settings;
  readonly limits: ClusterLimits;
  readonly identity: NodeIdentity;
  readonly addresses: NodeAddresses;
  readonly etcd: EtcdDoor;
  readonly redis: RedisDoor;
  readonly book: ClusterEventBook;
  readonly built: BuiltAgent;
  readonly outbox: Outbox;
  readonly quiet: QuietMarks;
  readonly clock: Clock;
  readonly log: Logger;
}
