/** `shutdown_agent` (spec rpc 8.24): who starts the agent also ends it, so nothing is done here, as upstream. */
import { z } from 'zod';
import { nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('shutdown_agent', { terminate_kernels: z.boolean() }, nothing);

/** Writes into the log that it was asked for. */
export const shutdownAgent = method({
  signature,
  notable: true,
  handle: ({ terminate_kernels }, { log }) => {
    log.warn('a manager asked the agent to shut down; its service manager does that', { terminate_kernels });
    return null;
  },
});
