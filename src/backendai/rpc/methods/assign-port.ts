/** `assign_port` (spec rpc 8.28). */
import { method } from '../rpc-method.ts';
import { assignPort as signature } from '../schema/host-port.ts';

/** Lends a port of the pool. */
export const assignPort = method({ signature, handle: (_, { services: { ports } }) => ports.assign() });
