/** `ping`: gives back what it got (spec rpc 8.1). */
import { anything } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('ping', { msg: anything }, anything);

/** Gives back what it got. */
export const ping = method({ signature, handle: ({ msg }) => msg });
