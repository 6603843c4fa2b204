/** `clean_all_kernels` (spec rpc 8.30): what a manager calls when it is frozen with force. */
import { z } from 'zod';
import { destroyAll, truncateReason } from '../destroy-kernels.ts';
import { nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('clean_all_kernels', { reason: z.string() }, nothing);

/** Returns when nothing of any kernel is left. */
export const cleanAllKernels = method({
  signature,
  notable: true,
  handle: async ({ reason }, { services }) => {
    await destroyAll(services, truncateReason(reason));
    return null;
  },
});
