import { z } from 'zod';
import { define } from './define.ts';
import { nothing } from './fields.ts';

/** `shutdown_agent`: ends nothing; the service manager does (spec rpc 8.24). */
export const shutdownAgent = define('shutdown_agent', { terminate_kernels: z.boolean() }, nothing);

/** `reset_agent`: destroys all kernels (spec rpc 8.27). */
export const resetAgent = define('reset_agent', {}, nothing);

/** `clean_all_kernels`: what a manager calls when it is frozen with force (spec rpc 8.30). */
export const cleanAllKernels = define('clean_all_kernels', { reason: z.string() }, nothing);
