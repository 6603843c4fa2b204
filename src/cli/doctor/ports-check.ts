/** Are the host ports of the pool free, and does the system keep its hands off them? */
import { readFile, writeFile } from 'node:fs/promises';
import type { PortRange } from '../../config/settings.ts';
import { KerneletError } from '../../lib/errors.ts';
import { systemErrorText } from '../../lib/system-error.ts';
import { type EphemeralPortRange, ephemeralPortFiles, poolOverlap } from '../../resources/port-pool.ts';
import { type CheckResult, type DoctorCheck, failed, ok, warning } from './check.ts';

const listening = '0A';

/** What the system says of its ports; empty texts when a file is missing. */
export interface PortFiles extends EphemeralPortRange {
  /** `/proc/net/tcp` and `tcp6`. */
  readonly sockets: readonly string[];
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

/** The result, given the files. */
export function portsResult(portRange: PortRange, files: PortFiles): CheckResult {
  const { first, last } = portRange;
  const pool = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const listened = new Set(files.sockets.flatMap(listeningPorts));
  const free = pool.filter((port) => !listened.has(port)).length;
  const facts = `${first}–${last}: ${free} of ${pool.length} free`;
  if (free === 0) return failed(facts, 'set another container.port-range in agent.toml');
  const overlap = poolOverlap(portRange, files);
  if (overlap === null) return ok(facts);
  return {
    ...warning(
      `${facts}; the system gives ports from ${overlap.first} to ${overlap.last} to outgoing connections too`,
      `sysctl -w net.ipv4.ip_local_reserved_ports=${overlap.reserve}`,
    ),
    repair: () => reserve(overlap.reserve),
  };
}

/** Reserves them until the next boot. Throws what names the file that cannot be written. */
async function reserve(ports: string): Promise<void> {
  const path = ephemeralPortFiles.reserved;
  await writeFile(path, ports).catch((error: unknown) => {
    const code = systemErrorText(error);
    throw new KerneletError('STATE_UNUSABLE', `${path} cannot be written (${code}): it takes root`, { cause: error });
  });
}

export const portsCheck = {
  name: 'ports',
  async run({ settings }) {
    const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
    return portsResult(settings.container.portRange, {
      sockets: [await read('/proc/net/tcp'), await read('/proc/net/tcp6')],
      range: await read(ephemeralPortFiles.range),
      reserved: await read(ephemeralPortFiles.reserved),
    });
  },
} satisfies DoctorCheck;
