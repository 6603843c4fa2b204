/** `shutdown_service` (spec rpc 8.19): callers are told of nothing that goes wrong. */
import { method } from '../rpc-method.ts';
import { shutdownService as signature } from '../schema/shutdown-service.ts';

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
