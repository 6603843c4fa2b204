/** Carries the bytes of a connection to a socket of this host and back; either side may end its own half first. */
import { connect, type Socket } from 'node:net';
import type { Logger } from '../../lib/log.ts';
import { systemErrorCode } from '../../lib/system-error.ts';

/** Serves connections by one each to the socket at `path`. Where nobody answers there, they are closed, with a line in the log. */
export function proxyTo(path: string, log: Logger): (connection: Socket) => void {
  return (connection) => {
    const target = connect({ path, allowHalfOpen: true });
    target.on('error', (error) => {
      log.warn('a socket of this host does not serve a kernel', { path, code: systemErrorCode(error) });
      connection.destroy();
    });
    connection.on('close', () => target.destroy());
    // A pipe ends what it writes to at the end of what it reads.
    connection.pipe(target);
    target.pipe(connection);
  };
}
