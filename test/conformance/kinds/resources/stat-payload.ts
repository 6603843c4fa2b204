/** `stat_payload`: the value, its place, and its bytes. */
import { isDeepStrictEqual } from 'node:util';
import {
  agentPayload,
  kernelPayload,
  type MetricSet,
  processPayload,
  type StatPayload,
} from '../../../../src/stats/stat-payload.ts';
import { canonical } from '../canonical.ts';
import { readMsgpack } from '../msgpack-reader.ts';
import { checkOf, differ, firstOf } from './case.ts';

interface PayloadCase {
  readonly redis_db: number;
  readonly redis_key: string;
  readonly ttl_seconds: number | null;
  readonly value: unknown;
  readonly msgpack_hex: string;
}

function payloadOf({ redis_key: key, value }: PayloadCase): StatPayload {
  if (Array.isArray(value)) return processPayload(key, new Map(value as [number, MetricSet][]));
  const map = value as Readonly<Record<string, unknown>>;
  if (!('node' in map)) return kernelPayload(key, map as Readonly<Record<string, MetricSet[string]>>);
  return agentPayload(key, map['node'] as MetricSet, map['devices'] as Readonly<Record<string, MetricSet>>);
}

/** What is written, where, for how long; and that the bytes say the same. */
export const statPayload = checkOf<PayloadCase>((item) => {
  const payload = payloadOf(item);
  const bytes = readMsgpack(Buffer.from(item.msgpack_hex, 'hex'));
  return firstOf(
    differ('the database', 0, item.redis_db),
    differ('the key', payload.key, item.redis_key),
    differ('the expiry', payload.expirySeconds, item.ttl_seconds),
    isDeepStrictEqual(canonical(payload.value), canonical(bytes)) ? null : 'the bytes hold something else',
  );
});
