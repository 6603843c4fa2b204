/** `stat_payload`: the value, its place, and its bytes. */
import { isDeepStrictEqual } from 'node:util';
import {
  agentPayload,
  kernelPayload,
  processPayload,
  type StatPayload,
} from '../../../../src/backendai/statistics/cluster-statistics.ts';
import type { WrittenMetrics } from '../../../../src/backendai/statistics/metric.ts';
import { decodeMsgpack } from '../../../../src/backendai/wire/msgpack/decode.ts';
import { encodeMsgpack } from '../../../../src/backendai/wire/msgpack/encode.ts';
import type { MsgpackValue } from '../../../../src/backendai/wire/msgpack/value.ts';
import { canonical } from '../canonical.ts';
import { checkOf, differ, firstOf } from './case.ts';

interface PayloadCase {
  readonly redis_db: number;
  readonly redis_key: string;
  readonly ttl_seconds: number | null;
  readonly value: unknown;
  readonly msgpack_hex: string;
}

function payloadOf({ redis_key: key, value }: PayloadCase): StatPayload {
  if (Array.isArray(value)) return processPayload(key, new Map(value as [number, WrittenMetrics][]));
  const map = value as Readonly<Record<string, unknown>>;
  if (!('node' in map)) return kernelPayload(key, map as Readonly<Record<string, WrittenMetrics[string]>>);
  return agentPayload(key, map['node'] as WrittenMetrics, map['devices'] as Readonly<Record<string, WrittenMetrics>>);
}

/** What is written, where, for how long; and that the bytes say the same. */
export const statPayload = checkOf<PayloadCase>((item) => {
  const payload = payloadOf(item);
  const recorded = Buffer.from(item.msgpack_hex, 'hex');
  const encoded = encodeMsgpack(payload.value as MsgpackValue);
  return firstOf(
    differ('the database', 0, item.redis_db),
    differ('the key', payload.key, item.redis_key),
    differ('the expiry', payload.expirySeconds, item.ttl_seconds),
    // Keys may come in another order.
    differ('the number of bytes', encoded.length, recorded.length),
    isDeepStrictEqual(canonical(decodeMsgpack(encoded)), canonical(decodeMsgpack(recorded)))
      ? null
      : 'the bytes hold something else',
  );
});
