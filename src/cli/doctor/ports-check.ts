/** Are the host ports of the pool free, and does the system keep its hands off them? */
import { readFile } from 'node:fs/promises';
import { type DoctorCheck, failed, ok, warning } from './check.ts';

const listening = '0A';

/** Ports that somebody listens on, from the text of `/proc/net/tcp` or `tcp6`. */
export function listeningPorts(text: string): readonly number[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === listening)
    .map(([, local = '']) => Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
}

/** The check. */
export const portsCheck = {
  name: 'ports',
  async run({ settings }) {
    const { first, last } = settings.container.portRange;
    const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
    const [tcp, tcp6, ephemeral, reserved] = await Promise.all(
      [
        '/proc/net/tcp',
        '/proc/net/tcp6',
        '/proc/sys/net/ipv4/ip_local_port_range',
        '/proc/sys/net/ipv4/ip_local_reserved_ports',
      ].map(read),
    );
    const inPool = (port: number): boolean => port >= first && port <= last;
    const taken = new Set([...listeningPorts(tcp ?? ''), ...listeningPorts(tcp6 ?? '')].filter(inPool)).size;
    const size = last - first + 1;
    const facts = `${first}–${last}: ${size - taken} of ${size} free`;
    if (taken === size) return failed(facts, 'set another container.port-range in agent.toml');
    const [low = 0, high = 0] = (ephemeral ?? '').trim().split(/\s+/).map(Number);
    if (low <= last && high >= first && (reserved ?? '').trim() === '') {
      return warning(
        `${facts}; the system gives ports from ${low} to ${high} to outgoing connections too`,
        `sysctl -w net.ipv4.ip_local_reserved_ports=${first}-${last}`,
      );
    }
    return ok(facts);
  },
} satisfies DoctorCheck;
