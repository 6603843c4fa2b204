/** Vectors of the smaller keys in Redis: what is left of writing what they stand for. */
import { isDeepStrictEqual } from 'node:util';
import { RedisStatistics } from '../../../src/backendai/redis/statistics-keys.ts';
import { MemoryRedis } from '../../support/cluster/memory-redis.ts';
import { type CaseResult, isObject, type JsonObject, type VectorKind } from '../vector-kind.ts';

interface Stored {
  readonly db: number;
  readonly type: string;
  readonly ttl_s: number;
  readonly value_hex?: string;
  readonly hash?: Readonly<Record<string, string>>;
}

/** Writes what the recorded key stands for, told by its form. */
async function write(sink: RedisStatistics, key: string, stored: Stored): Promise<void> {
  const kernel = /^kernel\.(.+)\.commit$/.exec(key)?.[1];
  if (kernel !== undefined) return await sink.writeCommitting([kernel]);
  if (key.startsWith('container_count.')) {
    return await sink.writeContainerCount(Number(Buffer.from(stored.value_hex ?? '', 'hex').toString()));
  }
  const fields = Object.entries(stored.hash ?? {});
  if (key === 'computer.metadata') return await sink.writeDeviceMetadata(new Map(fields));
  if (key === 'abuse_report') return await sink.writeAbuse(new Map(fields as [string, 'detected' | 'cleaning'][]), []);
  throw new Error(`the key ${key} is not known`);
}

async function check(fields: JsonObject): Promise<string | null> {
  const recorded = Object.entries(isObject(fields['redis']) ? fields['redis'] : {}) as [string, Stored][];
  if (recorded.length === 0) return 'has no keys';
  for (const [key, stored] of recorded) {
    const redis = new MemoryRedis();
    await write(new RedisStatistics(redis, key.replace(/^container_count\./, '')), key, stored);
    const [name, held] = [...redis.keys][0] ?? [];
    const value =
      held?.value instanceof Map
        ? { hash: Object.fromEntries(held.value) }
        : { value_hex: held?.value.toString('hex') };
    const type = held?.value instanceof Map ? 'hash' : 'string';
    const got = { [name ?? '']: { db: 0, type, ttl_s: held?.expirySeconds, ...value } };
    if (!isDeepStrictEqual(got, { [key]: stored })) {
      return `${JSON.stringify(got)} is left, not ${JSON.stringify({ [key]: stored })}`;
    }
  }
  return null;
}

/** The kind; each group of keys is a case. */
export const redisKeys: VectorKind = {
  name: 'Redis keys',
  recognises: (document) => isObject(document) && isObject(document['commit_status']),
  async run(document) {
    const results: CaseResult[] = [];
    for (const [id, fields] of Object.entries(isObject(document) ? document : {})) {
      if (!isObject(fields)) continue;
      results.push({ id, problem: await check(fields).catch((error: unknown) => `threw ${error}`) });
    }
    return results;
  },
};
