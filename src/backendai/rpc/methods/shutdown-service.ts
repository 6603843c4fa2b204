/** `shutdown_service` (spec rpc 8.19): what goes wrong is in the log alone. */
import { z } from 'zod';
import { kernelId, nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('shutdown_service', { kernel_id: kernelId, service: z.string() }, nothing);

/** Ends an application of a kernel. */
export const shutdownService = method({
  signature,
  notable: true,
  handle: async ({ kernel_id, service }, { services: { agent }, signal, log }) => {
    try {
      await agent.stopService(kernel_id, service, signal);
    } catch (error) {
      log.warn('a service could not be ended', { kernel: kernel_id, service, error });
    }
    return null;
  },
});
