/** `release_port` (spec rpc 8.29). */
import { nothing, port } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('release_port', { port_no: port }, nothing);

/** Takes a port back; one that is not on loan stays as it is. */
export const releasePort = method({
  signature,
  handle: ({ port_no }, { services: { ports }, log }) => {
    if (!ports.release(port_no)) log.warn('a manager gave back a port that is not on loan', { port: port_no });
    return null;
  },
});
