/** `destroy_kernel` (spec rpc 8.7). */
import { withDeadline } from '../../../lib/deadline.ts';
import { hasCode } from '../../../lib/errors.ts';
import { maxEndMs } from '../destroy-all.ts';
import { method } from '../rpc-method.ts';
import { destroyKernel as signature } from '../schema/destroy-kernel.ts';
import { truncateReason } from '../truncated-reason.ts';

/** Ends a kernel and returns when nothing of it is left; one that is not here is told of as ended. */
export const destroyKernel = method({
  signature,
  notable: true,
  handle: async ({ kernel_id: id, session_id: session, reason, suppress_events: quiet }, { services }) => {
    const { agent, news } = services;
    const why = truncateReason(reason ?? 'user-requested');
    const isHere = async () => (await agent.list({ all: false })).some((kernel) => kernel.id === id);
    const bound = { what: `the end of kernel ${id}, which goes on and will be told of,`, timeoutMs: maxEndMs };
    if (!(await isHere())) {
      // One whose image is still being pulled is not among the agent's yet.
      if (await withDeadline(bound, () => services.creations.giveUp(id))) return null;
      if (!quiet) news.tellEnded(id, session, 'already-terminated');
      return null;
    }
    if (quiet) await news.suppressTermination(id);
    try {
      await withDeadline(bound, () => agent.destroy(id, { force: why === 'force-terminated', reason: why }));
    } catch (error) {
      // It has ended by itself in between, and its end has been told.
      if (!hasCode(error, 'KERNEL_NOT_FOUND', 'KERNEL_NOT_RUNNING')) throw error;
    }
    return null;
  },
});
