/** The services of a cluster in which a manager has registered. */
import { afterAll, beforeAll } from 'vitest';
import { EtcdClient } from '../../../src/backendai/etcd/etcd-client.ts';
import { ScopedStore } from '../../../src/backendai/etcd/scoped-store.ts';
import type { RedisLink } from '../../../src/backendai/redis/link.ts';
import { silentLogger as log } from '../../../src/lib/log.ts';
import { everything } from './etcd-admin.ts';
import { type EtcdMember, startEtcd } from './etcd-server.ts';
import { describeWith } from './programs.ts';
import { startRedis, type TestRedis, type TestRedisOptions } from './redis-server.ts';

/** The services; they are gone with the test. */
export interface ClusterServices extends AsyncDisposable {
  readonly etcd: EtcdMember;
  readonly redis: TestRedis;
  /** The database of the stream. */
  readonly stream: RedisLink;
  readonly statistics: RedisLink;
  /** Puts what a manager and its installation put; keys of etcd below the namespace. */
  settle(more?: Readonly<Record<string, string>>): Promise<void>;
  /** All keys below the namespace, with their values. */
  keys(): Promise<Readonly<Record<string, string>>>;
}

/** Starts them; Redis as it is asked for. */
export async function startServices(
  options: Pick<TestRedisOptions, 'password' | 'isDurable'> = {},
): Promise<ClusterServices> {
  await using made = new AsyncDisposableStack();
  const [member] = made.use(await startEtcd()).members;
  if (!member) throw new Error('etcd has no member');
  const redis = made.use(await startRedis(options));
  const client = made.use(new EtcdClient({ addresses: [member.address], tls: null, credentials: null, log }));
  const store = new ScopedStore(client, { namespace: 'local', agentId: 'i-none', scalingGroup: 'default' });
  const settle = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    const address = `127.0.0.1:${redis.port}`;
    const password = options.password === undefined ? {} : { 'config/redis/password': options.password };
    await store.put({ 'config/redis/addr': address, ...password, 'nodes/manager/m-test': 'up', ...more }, 'global');
  };
  await settle();
  const owned = made.move();
  return {
    etcd: member,
    redis,
    stream: redis.link(4),
    statistics: redis.link(0),
    settle,
    keys: async () => await everything(client, 'local'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Describes tests that share one set of services, which run while they do. */
export function describeCluster(
  name: string,
  tests: (services: Omit<ClusterServices, typeof Symbol.asyncDispose>) => void,
): void {
  describeWith(['etcd', 'redis-server'], name, () => {
    let started: ClusterServices;
    beforeAll(async () => {
      started = await startServices();
    });
    afterAll(() => started[Symbol.asyncDispose]());
    tests({
      get etcd() {
        return started.etcd;
      },
      get redis() {
        return started.redis;
      },
      get stream() {
        return started.stream;
      },
      get statistics() {
        return started.statistics;
      },
      settle: (more) => started.settle(more),
      keys: () => started.keys(),
    });
  });
}
