/** `clean_all_kernels` (spec rpc 8.30): what a manager calls when it is frozen with force. */
import { destroyAll } from '../destroy-all.ts';
import { method } from '../rpc-method.ts';
import { cleanAllKernels as signature } from '../schema/agent.ts';
import { truncateReason } from '../truncated-reason.ts';

/** Returns when nothing of any kernel is left. */
export const cleanAllKernels = method({
  signature,
  notable: true,
  handle: async ({ reason }, { services }) => {
    await destroyAll(services, truncateReason(reason));
    return null;
  },
});
