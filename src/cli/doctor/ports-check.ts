/** Are the host ports of the pool free, and does the system keep its hands off them? */
import { readFile } from 'node:fs/promises';
import type { PortRange } from '../../config/settings.ts';
import { type DoctorCheck, type Finding, failed, ok, warning } from './check.ts';

const listening = '0A';

/** What the system says of its ports; empty texts when a file is missing. */
export interface PortFiles {
  /** `/proc/net/tcp` and `tcp6`. */
  readonly sockets: readonly string[];
  /** `ip_local_port_range`: from which outgoing connections are given their ports. */
  readonly ephemeral: string;
  /** `ip_local_reserved_ports`: which of them are never given, `8080,30000-31000`. */
  readonly reserved: string;
}

/** Ports that somebody listens on, from the text of `/proc/net/tcp` or `tcp6`. */
function listeningPorts(text: string): readonly number[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === listening)
    .map(([, local = '']) => Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
}

function reservedPorts(text: string): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const range of text.trim().split(',')) {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    for (let port = first; port <= last; port += 1) ports.add(port);
  }
  return ports;
}

/** The finding, given the files. */
export function portsFinding({ first, last }: PortRange, { sockets, ephemeral, reserved }: PortFiles): Finding {
  const pool = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const taken = new Set(sockets.flatMap(listeningPorts));
  const free = pool.filter((port) => !taken.has(port)).length;
  const facts = `${first}–${last}: ${free} of ${pool.length} free`;
  if (free === 0) return failed(facts, 'set another container.port-range in agent.toml');
  const [low = 0, high = 0] = ephemeral.trim().split(/\s+/).map(Number);
  const kept = reservedPorts(reserved);
  if (pool.some((port) => port >= low && port <= high && !kept.has(port))) {
    const others = reserved.trim() === '' ? '' : `${reserved.trim()},`;
    return warning(
      `${facts}; the system gives ports from ${low} to ${high} to outgoing connections too`,
      `sysctl -w net.ipv4.ip_local_reserved_ports=${others}${first}-${last}`,
    );
  }
  return ok(facts);
}

/** The check. */
export const portsCheck = {
  name: 'ports',
  async run({ settings }) {
    const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
    return portsFinding(settings.container.portRange, {
      sockets: [await read('/proc/net/tcp'), await read('/proc/net/tcp6')],
      ephemeral: await read('/proc/sys/net/ipv4/ip_local_port_range'),
      reserved: await read('/proc/sys/net/ipv4/ip_local_reserved_ports'),
    });
  },
} satisfies DoctorCheck;
