import { z } from 'zod';
import { define } from './define.ts';
import { nothing } from './fields.ts';

/** `create_local_network`: for a cluster session on one node (spec rpc 8.25). */
export const createLocalNetwork = define('create_local_network', { network_name: z.string() }, nothing);

/** `destroy_local_network` (spec rpc 8.26). */
export const destroyLocalNetwork = define('destroy_local_network', { network_name: z.string() }, nothing);
