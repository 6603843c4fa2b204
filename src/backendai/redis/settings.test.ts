import { describe, expect, it } from 'vitest';
import { redisSettings } from './settings.ts';

describe('redisSettings', () => {
  it('reads a single server with the defaults of 24.09', () => {
    expect(redisSettings({ addr: '[::1]:6379' })).toEqual({
      place: { kind: 'server', address: { host: '::1', port: 6379 } },
      password: null,
      tls: null,
      connectTimeoutMs: 2000,
      commandTimeoutMs: 10_000,
      retryPauseMs: 300,
    });
  });

  it('reads sentinels, which win over the address, with their own password or the common one', () => {
    const table = { addr: 'ignored', sentinel: 'a:26379, b:26380', service_name: 'mymaster', password: 'p' };
    expect(redisSettings(table).place).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 26_380 },
      ],
      service: 'mymaster',
      password: 'p',
    });
    expect(redisSettings({ ...table, sentinel_password: 's' }).place).toMatchObject({ password: 's' });
  });

  it('reads times, TLS and an empty password as none', () => {
    const settings = redisSettings(
      {
        addr: 'r:1',
        password: '',
        use_tls: 'true',
        tls_skip_verify: 'false',
        redis_helper_config: { socket_timeout: '9', socket_connect_timeout: '0.5', max_connections: 'x' },
      },
      'PEM',
    );
    expect(settings).toMatchObject({
      password: null,
      tls: { verify: true, authority: 'PEM' },
      connectTimeoutMs: 500,
      commandTimeoutMs: 18_000,
    });
  });

  it.each([
    [{}, 'config/redis/addr is missing'],
    [{ addr: 'nowhere' }, 'config/redis/addr = "nowhere" is not host:port'],
    [{ addr: 'h:70000' }, 'config/redis/addr'],
    [{ sentinel: 'a:1' }, 'config/redis/service_name is missing'],
    [{ sentinel: 'a:1,b', service_name: 's' }, 'config/redis/sentinel = "b"'],
    [{ addr: 'r:1', redis_helper_config: { socket_timeout: 'soon' } }, 'redis_helper_config/socket_timeout = "soon"'],
  ])('refuses %j', (table, text) => {
    expect(() => redisSettings(table)).toThrow(text);
  });
});
