/** `get_commit_status` (spec rpc 8.15). */
import { z } from 'zod';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
  'get_commit_status',
  { kernel_id: kernelId, subdir: z.string() },
  z.strictObject({ kernel: z.string(), status: z.enum(['ready', 'ongoing']) }),
);

/** Whether the kernel is being committed. */
export const getCommitStatus = method({
  signature,
  handle: ({ kernel_id: kernel }, { services }) => ({
    kernel,
    status: services.commits.isOngoing(kernel) ? ('ongoing' as const) : ('ready' as const),
  }),
});
