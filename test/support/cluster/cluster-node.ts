/** All that an agent does with etcd and Redis, running at once, for tests of outages. */
import path from 'node:path';
import { type EtcdAdapter, openEtcd } from '../../../src/backendai/etcd/etcd-adapter.ts';
import { Outbox } from '../../../src/backendai/events/outbox.ts';
import { RedisAdapter } from '../../../src/backendai/redis/redis-adapter.ts';
import type { EtcdSettings } from '../../../src/config/settings.ts';
import { systemClock as clock, sleep } from '../../../src/lib/clock.ts';
import { silentLogger as log } from '../../../src/lib/log.ts';
import { StateWrites } from '../../../src/lib/state-writes.ts';
import { settingsOf } from './redis-settings.ts';
import { ownFolder } from './server-process.ts';

export const agentId = 'i-outage';
/** The time between two heartbeats. */
export const heartbeatMs = 1000;

export interface ClusterNode extends AsyncDisposable {
  readonly outbox: Outbox;
  /** Arguments of the events that it has read, as text. */
  readonly read: readonly string[];
  /** The newest table of `config/agent`. */
  configuration(): unknown;
  /** How often numbers of the node were written, and could not be. */
  readonly statistics: { written: number; failed: number };
}

/** Starts one at the ports of its etcd and its Redis. Anything that ends before the node is stopped fails the test. */
export async function startClusterNode(ports: { readonly etcd: number; readonly redis: number }): Promise<ClusterNode> {
  const folder = await ownFolder('node');
  const stop = new AbortController();
  const { signal } = stop;
  const settings: EtcdSettings = {
    namespace: 'local',
    addresses: [{ host: '127.0.0.1', port: ports.etcd }],
    user: '',
    password: '',
    tls: { enabled: false, authorityFile: null, certificateFile: null, keyFile: null },
  };
  const etcd: EtcdAdapter = await openEtcd(settings, { agentId, scalingGroup: 'default' }, { clock, log });
  const redis = new RedisAdapter({
    settings: settingsOf(ports.redis, { commandTimeoutMs: 3000 }),
    agentId,
    clock,
    log,
  });
  const outbox = new Outbox(path.join(folder.path, 'outbox.jsonl'), {
    ...{ target: redis.appender, writes: new StateWrites(), clock, log },
  });
  const read: string[] = [];
  const statistics = { written: 0, failed: 0 };
  let configuration: unknown = null;
  const jobs = [
    etcd.registry
      .announce('running', { ip: '10.0.0.1', watcherPort: 6009 }, signal)
      .then(() => etcd.registry.keepRegistered(signal)),
    (async () => {
      for await (const [table] of etcd.overlay.follow(['config/agent'], signal)) configuration = table;
    })(),
    outbox.run(signal),
    redis.heartbeats(heartbeatMs, () => Uint8Array.of(0x91, 0x80)).run(signal),
    (async () => {
      for await (const event of redis.read(new Set(['do_volume_mount']), signal)) read.push(String(event.args));
    })(),
    (async () => {
      for (;;) {
        await redis.statistics.writeNode(Uint8Array.of(0x80)).then(
          () => (statistics.written += 1),
          () => (statistics.failed += 1),
        );
        await sleep(clock, 500, signal);
      }
    })(),
  ];
  const ended = Promise.all(
    jobs.map((job) => job.catch((error: unknown) => (signal.aborted ? undefined : Promise.reject(error)))),
  );
  ended.catch(() => {});
  return {
    outbox,
    read,
    configuration: () => configuration,
    statistics,
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Error('the test is over'));
      await ended;
      await outbox[Symbol.asyncDispose]();
      redis[Symbol.dispose]();
      etcd[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
