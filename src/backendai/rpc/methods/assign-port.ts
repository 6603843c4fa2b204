/** `assign_port`: a host port on loan (spec rpc 8.28). */
import { port } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('assign_port', {}, port);

/** Lends a port of the pool. */
export const assignPort = method({ signature, handle: (_, { services: { ports } }) => ports.assign() });
