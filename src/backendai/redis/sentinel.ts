/**
 * Finding the master of a service by its sentinels. The client's own sentinel mode is not used: its connections are
 * not ours to end when a server hangs.
 */
import type { HostPort } from '../../config/settings.ts';
import { KerneletError } from '../../lib/errors.ts';
import { RedisConnection } from './connection.ts';
import type { RedisPlace, RedisSettings } from './settings.ts';

/** Asks the sentinels in turn. Throws REDIS_UNAVAILABLE, with what each of them said, when none names a master. */
export async function findMaster(
  place: Extract<RedisPlace, { kind: 'sentinel' }>,
  settings: RedisSettings,
): Promise<HostPort> {
  const answers: string[] = [];
  for (const address of place.sentinels) {
    try {
      const master = await askSentinel(address, place, settings);
      if (master) return master;
      answers.push(`the sentinel at ${address.host}:${address.port} does not know it`);
    } catch (error) {
      answers.push(error instanceof Error ? error.message : String(error));
    }
  }
  const text = `no sentinel names a master of ${JSON.stringify(place.service)}: ${answers.join('; ')}`;
  throw new KerneletError('REDIS_UNAVAILABLE', text);
}

async function askSentinel(
  address: HostPort,
  place: Extract<RedisPlace, { kind: 'sentinel' }>,
  settings: RedisSettings,
): Promise<HostPort | null> {
  const { tls, connectTimeoutMs, commandTimeoutMs } = settings;
  using sentinel = await RedisConnection.open({
    address,
    password: place.password,
    database: 0,
    tls,
    connectTimeoutMs,
    commandTimeoutMs,
  });
  const [reply] = await sentinel.send([['SENTINEL', 'get-master-addr-by-name', place.service]]);
  if (!Array.isArray(reply)) return null;
  const [host, port] = reply.map(String);
  return host && port ? { host, port: Number(port) } : null;
}

/** Throws REDIS_UNAVAILABLE when the server is no master: sentinels may name one that was. */
export async function requireMaster(connection: RedisConnection): Promise<void> {
  const [reply] = await connection.send([['ROLE']]);
  const role = Array.isArray(reply) ? String(reply[0]) : '';
  if (role !== 'master') throw new KerneletError('REDIS_UNAVAILABLE', `the sentinels name a server that is a ${role}`);
}
