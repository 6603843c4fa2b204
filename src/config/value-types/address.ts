/** Host-port pairs and port ranges (spec config-and-ops 2.1 and 2.2). */

import { type ValueType, valueType } from '../definition.ts';
import type { HostPort, PortRange } from '../settings.ts';
import { isTable } from '../toml.ts';
import { port, range, toNumber } from './scalar.ts';

/** Host and port as written, not yet checked; undefined when the form is none of the three. */
export function splitHostPort(value: unknown): { readonly host: unknown; readonly port: unknown } | undefined {
  if (typeof value === 'string') {
    const colon = value.lastIndexOf(':');
    return colon < 0 ? undefined : { host: value.slice(0, colon), port: value.slice(colon + 1) };
  }
  if (Array.isArray(value)) return value.length === 2 ? { host: value[0], port: value[1] } : undefined;
  return isTable(value) ? { host: value['host'], port: value['port'] } : undefined;
}

/** `"host:port"`, `["host", port]` or `{ host, port }`; brackets around an IPv6 host are taken off. */
export function hostPort(options: { blankHost?: boolean } = {}): ValueType<HostPort> {
  const blank = options.blankHost ? '; a blank host means: find out' : '';
  return valueType(
    `a host and a port, such as "127.0.0.1:6001", ["host", 6001] or { host = "host", port = 6001 }${blank}`,
    {
      anyOf: [
        { type: 'string', pattern: ':[0-9]+$' },
        { type: 'array', minItems: 2, maxItems: 2 },
        { type: 'object', required: ['host', 'port'] },
      ],
    },
    (value) => {
      const parts = splitHostPort(value);
      if (!parts || typeof parts.host !== 'string') return undefined;
      const host = parts.host.trim().replace(/^\[(.*)\]$/, '$1');
      if (host === '' && !options.blankHost) return undefined;
      const number = portNumber(parts.port);
      return number === undefined ? undefined : { host, port: number };
    },
  );
}

/** One address or several: a list of texts, or a text with commas. */
export const hostPorts: ValueType<readonly HostPort[]> = valueType(
  'a host and a port, such as "127.0.0.1:2379", or several: ["a:2379", "b:2379"] or "a:2379,b:2379"',
  {
    anyOf: [
      { type: 'string', pattern: ':[0-9]+ *(,.*)?$' },
      { type: 'array', minItems: 1 },
      { type: 'object', required: ['host', 'port'] },
    ],
  },
  (value) => {
    const one = hostPort();
    const isList = Array.isArray(value) && value.every((item) => typeof item === 'string' && item.includes(':'));
    const items: readonly unknown[] = isList ? value : typeof value === 'string' ? value.split(',') : [value];
    try {
      return items.length === 0 ? undefined : items.map((item) => one.parse(item));
    } catch {
      return undefined;
    }
  },
);

/** The text of an address, with brackets around an IPv6 host. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine reaches a host's address. A name other than `localhost` may mean anything. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Ports of this host, both ends inclusive. */
export const portRange: ValueType<PortRange> = range('ports', port, { first: 30_000, last: 31_000 });

function portNumber(value: unknown): number | undefined {
  const number = toNumber(value);
  if (number === undefined) return undefined;
  try {
    return port.parse(number);
  } catch {
    return undefined;
  }
}
