/** How to reach Redis, as the cluster says it in `config/redis` (spec cluster-state 2.1, 10.1). Pure. */
import { showValue } from '../../config/problems.ts';
import type { HostPort } from '../../config/settings.ts';
import { splitHostPort } from '../../config/value-types/address.ts';
import { KerneletError } from '../../lib/errors.ts';
import { isNested, type NestedTable } from '../etcd/keys.ts';

/** TLS of the connections to Redis and its sentinels. */
export interface RedisTls {
  /** Whether the server's certificate must be good. */
  readonly verify: boolean;
  /** Who may sign it, as PEM; null: the usual authorities. */
  readonly authority: string | null;
}

/** One server, or the sentinels that know which one is the master. */
export type RedisPlace =
  | { readonly kind: 'server'; readonly address: HostPort }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly HostPort[];
      readonly service: string;
      /** null: none. */
      readonly password: string | null;
    };

/** What `config/redis` says, with upstream's defaults. */
export interface RedisSettings {
  readonly place: RedisPlace;
  /** null: none. */
  readonly password: string | null;
  /** null: plain. */
  readonly tls: RedisTls | null;
  readonly connectTimeoutMs: number;
  /** A server that has not answered after this time is given up, and its connection with it. */
  readonly commandTimeoutMs: number;
  /** The first pause before events are read again; 0.3 s unless configured (`retry.ts`). */
  readonly retryPauseMs: number;
}

/**
 * Reads the table. Unknown keys are ignored and a blank text counts as none. The `socket_timeout` bounds one reading or
 * writing of upstream; an answer gets twice as long here. Throws INVALID_CONFIG, naming the key in etcd.
 */
export function redisSettings(table: NestedTable, authority: string | null = null): RedisSettings {
  const helper = table['redis_helper_config'];
  const times = isNested(helper) ? helper : {};
  const seconds = (key: string, fallback: number): number => secondsOf(times, key, fallback) * 1000;
  const password = textOf(table, 'password');
  const verify = !truth(textOf(table, 'tls_skip_verify'));
  return {
    place: placeOf(table, password),
    password,
    tls: truth(textOf(table, 'use_tls')) ? { verify, authority } : null,
    connectTimeoutMs: seconds('socket_connect_timeout', 2),
    commandTimeoutMs: seconds('socket_timeout', 5) * 2,
    retryPauseMs: seconds('reconnect_poll_timeout', 0.3),
  };
}

function placeOf(table: NestedTable, password: string | null): RedisPlace {
  const sentinels = textOf(table, 'sentinel');
  if (sentinels !== null) {
    const service = textOf(table, 'service_name');
    if (service === null) throw refusal('service_name', 'is missing; with config/redis/sentinel it names the master');
    const addresses = sentinels
      .split(',')
      .filter((part) => part.trim() !== '')
      .map((part) => address('sentinel', part));
    return {
      kind: 'sentinel',
      sentinels: addresses,
      service,
      password: textOf(table, 'sentinel_password') ?? password,
    };
  }
  const server = textOf(table, 'addr');
  if (server === null) throw refusal('addr', 'is missing; it is the host:port of the Redis server');
  return { kind: 'server', address: address('addr', server) };
}

function address(key: string, text: string): HostPort {
  const parts = splitHostPort(text.trim());
  const host = typeof parts?.host === 'string' ? parts.host.trim().replace(/^\[(.*)\]$/, '$1') : '';
  const port = Number(parts?.port);
  if (host === '' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw refusal(key, `= ${showValue(text)} is not host:port`);
  }
  return { host, port };
}

function textOf(table: NestedTable, key: string): string | null {
  const value = table[key];
  const text = isNested(value) ? value[''] : value;
  return typeof text === 'string' && text !== '' ? text : null;
}

function secondsOf(table: NestedTable, key: string, fallback: number): number {
  const text = textOf(table, key);
  if (text === null) return fallback;
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600)) {
    throw refusal(`redis_helper_config/${key}`, `= ${JSON.stringify(text)} is not a number of seconds up to 3600`);
  }
  return seconds;
}

function truth(text: string | null): boolean {
  return text !== null && /^(1|t|true|y|yes|on)$/i.test(text);
}

function refusal(key: string, message: string): KerneletError {
  return new KerneletError('INVALID_CONFIG', `etcd: config/redis/${key} ${message}`, {
    context: { key: `config/redis/${key}`, place: 'etcd' },
  });
}
