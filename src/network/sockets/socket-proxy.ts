/** Carries the bytes of a connection to a socket of this host and back; either side may end its own half first. */
import { connect, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { systemErrorCode } from '../../lib/system-error.ts';

/** Between two lines of the log: who connects is a tenant, as often as it likes. */
const quietMs = 60_000;

/**
 * Serves connections by one each to the socket at `path`. Where nobody answers there, they are closed, with at most a line a minute
 * in the log, which counts them.
 */
export function proxyTo(path: string, log: Logger, clock: Clock = systemClock): (connection: Socket) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  let connections = 0;
  return (connection) => {
    const target = connect({ path, allowHalfOpen: true });
    target.on('error', (error) => {
      connection.destroy();
      connections += 1;
      if (clock.monotonic() - saidAt < quietMs) return;
      log.warn('a socket of this host does not serve a kernel', { path, code: systemErrorCode(error), connections });
      saidAt = clock.monotonic();
      connections = 0;
    });
    connection.on('close', () => target.destroy());
    // A pipe ends what it writes to at the end of what it reads.
    connection.pipe(target);
    target.pipe(connection);
  };
}
