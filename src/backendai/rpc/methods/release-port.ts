/** `release_port` (spec rpc 8.29). */
import { method } from '../rpc-method.ts';
import { releasePort as signature } from '../schema/host-port.ts';

/** Takes a port back; one that is not on loan stays as it is. */
export const releasePort = method({
  signature,
  handle: ({ port_no }, { services: { ports }, log }) => {
    if (!ports.release(port_no)) log.warn('a manager gave back a port that is not on loan', { port: port_no });
    return null;
  },
});
