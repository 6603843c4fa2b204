/** Settings for servers that tests start. */
import type { RedisSettings } from '../../../src/backendai/redis/settings.ts';

/** Settings of a server on this machine, with short times unless others are given. */
export function settingsOf(port: number, change: Partial<RedisSettings> = {}): RedisSettings {
  return {
    place: { kind: 'server', address: { host: '127.0.0.1', port } },
    password: null,
    tls: null,
    connectTimeoutMs: 1000,
    commandTimeoutMs: 2000,
    retryPauseMs: 100,
    ...change,
  };
}
