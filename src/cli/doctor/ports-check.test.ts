import { describe, expect, it } from 'vitest';
import { portsResult } from './ports-check.ts';

const pool = { first: 30_000, last: 30_003 };
const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n';
const line = (port: number, state = '0A'): string =>
  `   0: 0100007F:${port.toString(16).toUpperCase()} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0\n`;
const files = { sockets: [head, head], range: '1024\t2000\n', reserved: '' };

describe('the ports of the pool', () => {
  it('are free unless somebody listens on them, over either protocol, counted once', () => {
    const sockets = [head + line(30_000) + line(30_001, '01') + line(80), head + line(30_000) + line(30_002)];
    expect(portsResult(pool, { ...files, sockets })).toEqual({ state: 'ok', detail: '30000–30003: 2 of 4 free' });
  });

  it('are a failure when none is left', () => {
    const sockets = [head + [0, 1, 2, 3].map((index) => line(30_000 + index)).join('')];
    expect(portsResult(pool, { ...files, sockets })).toMatchObject({
      state: 'failed',
      detail: '30000–30003: 0 of 4 free',
    });
  });

  it('are a warning when the system gives them to outgoing connections, unless all are kept from that', () => {
    const range = '20000 40000';
    expect(portsResult(pool, { ...files, range })).toMatchObject({
      state: 'warning',
      fix: 'sysctl -w net.ipv4.ip_local_reserved_ports=30000-30003',
    });
    expect(portsResult(pool, { ...files, range, reserved: '8080,30000-30002\n' })).toMatchObject({
      state: 'warning',
      fix: 'sysctl -w net.ipv4.ip_local_reserved_ports=8080,30000-30002,30000-30003',
    });
    for (const reserved of ['30000-30003\n', '8080,30000-30002,30003']) {
      expect(portsResult(pool, { ...files, range, reserved }).state).toBe('ok');
    }
  });
});
