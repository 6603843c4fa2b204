/** `ping` (spec rpc 8.1). */
import { method } from '../rpc-method.ts';
import { ping as signature } from '../schema/ping.ts';

/** Gives back what it got. */
export const ping = method({ signature, handle: ({ msg }) => msg });
