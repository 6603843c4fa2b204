/** `get_commit_status` (spec rpc 8.15). */
import { method } from '../rpc-method.ts';
import { getCommitStatus as signature } from '../schema/commit.ts';

/** Whether the kernel is being committed. */
export const getCommitStatus = method({
  signature,
  handle: ({ kernel_id: kernel }, { services }) => ({
    kernel,
    status: services.commits.isOngoing(kernel) ? ('ongoing' as const) : ('ready' as const),
  }),
});
