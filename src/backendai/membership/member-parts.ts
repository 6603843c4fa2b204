/** What everything of a member is built from. */
import type { AssembledNode } from '../../agent/node.ts';
import type { Settings } from '../../config/settings.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { EtcdAdapter } from '../etcd/etcd-adapter.ts';
import type { EventPublisher } from '../events/event-publisher.ts';
import type { Outbox } from '../events/outbox.ts';
import type { NodeAddresses } from '../identity/node-addresses.ts';
import type { SuppressedTerminations } from '../operations/suppressed-terminations.ts';
import type { RedisAdapter } from '../redis/redis-adapter.ts';
import type { ClusterLimits } from './cluster-configuration.ts';
import type { NodeIdentity } from './node-identity.ts';

/** The parts, in the order in which they come to be: the node is assembled with what is above it. */
export interface MemberParts {
  /** With what the cluster has set. */
  readonly settings: Settings;
  readonly limits: ClusterLimits;
  readonly identity: NodeIdentity;
  readonly addresses: NodeAddresses;
  readonly etcd: EtcdAdapter;
  readonly redis: RedisAdapter;
  readonly outbox: Outbox;
  readonly suppressed: SuppressedTerminations;
  readonly publisher: EventPublisher;
  readonly node: AssembledNode;
  readonly clock: Clock;
  readonly log: Logger;
}
