/**
 * Ports that the system gives to outgoing connections: a pool among them loses ports to whoever connects to anywhere,
 * unless they are reserved (observed 19). Pure.
 */

/** What the system says, as texts of files in `/proc/sys/net/ipv4`; empty ones when they are missing. */
export interface EphemeralPortRange {
  /** `ip_local_port_range`: from which outgoing connections are given their ports. */
  readonly range: string;
  /** `ip_local_reserved_ports`: which of them are never given, `8080,30000-31000`. */
  readonly reserved: string;
}

/** How a pool lies among them. */
export interface PoolOverlap {
  /** The ports that outgoing connections are given, both ends included. */
  readonly first: number;
  readonly last: number;
  /** What `ip_local_reserved_ports` has to be. */
  readonly reserve: string;
}

/** Where the texts are. */
export const ephemeralPortFiles = {
  range: '/proc/sys/net/ipv4/ip_local_port_range',
  reserved: '/proc/sys/net/ipv4/ip_local_reserved_ports',
} as const;

/** The overlap of a pool, both ends included, with ports that may be given away; null when there is none. */
export function poolOverlap(
  pool: { readonly first: number; readonly last: number },
  { range, reserved }: EphemeralPortRange,
): PoolOverlap | null {
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number);
  const kept = reservedPorts(reserved);
  for (let port = Math.max(pool.first, first); port <= Math.min(pool.last, last); port += 1) {
    if (kept.has(port)) continue;
    const others = reserved.trim() === '' ? '' : `${reserved.trim()},`;
    return { first, last, reserve: `${others}${pool.first}-${pool.last}` };
  }
  return null;
}

function reservedPorts(text: string): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const range of text.trim().split(',')) {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    for (let port = first; port <= last; port += 1) ports.add(port);
  }
  return ports;
}
