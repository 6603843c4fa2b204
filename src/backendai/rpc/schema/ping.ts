import { define } from './define.ts';
import { anything } from './fields.ts';

/** `ping`: gives back what it got (spec rpc 8.1). */
export const ping = define('ping', { msg: anything }, anything);
