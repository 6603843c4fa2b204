/** A word at the start about ports of kernels that outgoing connections of this machine may take (observed 19). */
import { readFile } from 'node:fs/promises';
import type { PortRange } from '../config/settings.ts';
import type { Logger } from '../lib/log.ts';
import { ephemeralPortFiles, poolOverlap } from '../resources/ephemeral-port-range.ts';

/** Warns when a pool lies among them and is not reserved. Never rejects. */
export async function warnOfEphemeralPorts(pool: PortRange, log: Logger): Promise<void> {
  const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
  const [range, reserved] = await Promise.all([read(ephemeralPortFiles.range), read(ephemeralPortFiles.reserved)]);
  const overlap = poolOverlap(pool, { range, reserved });
  if (overlap === null) return;
  log.warn(
    'container.port-range lies among the ports of outgoing connections, which take some; "kernelet doctor --fix" reserves them',
    {
      pool: `${pool.first}-${pool.last}`,
      outgoing: `${overlap.first}-${overlap.last}`,
    },
  );
}
