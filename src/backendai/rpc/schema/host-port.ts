import { define } from './define.ts';
import { nothing, port } from './fields.ts';

/** `assign_port`: a host port on loan (spec rpc 8.28). */
export const assignPort = define('assign_port', {}, port);

/** `release_port` (spec rpc 8.29). */
export const releasePort = define('release_port', { port_no: port }, nothing);
