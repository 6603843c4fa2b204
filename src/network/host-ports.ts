/** Ports of this host that kernels are given: whether one is free, and whether outgoing connections may take some. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { PortRange } from '../config/settings.ts';
import { listen } from '../lib/listen.ts';
import type { Logger } from '../lib/log.ts';
import { ephemeralPortFiles, poolOverlap } from '../resources/port-pool.ts';

/**
 * Binds the port on the address for a moment: a foreign process may hold one that our pool believes free. Answers false
 * when it is in use or may not be bound.
 */
export async function canBind(port: number, address: string): Promise<boolean> {
  await using server = createServer();
  return await listen(server, { port, host: address, exclusive: true }).then(
    () => true,
    () => false,
  );
}

/** Warns when the pool overlaps the ports of outgoing connections (observed 19) and is not reserved. Never rejects. */
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
