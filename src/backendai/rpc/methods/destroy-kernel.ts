/** `destroy_kernel`: returns when nothing of the kernel is left; the reason is free text (spec rpc 8.7). */
import { z } from 'zod';
import { withDeadline } from '../../../lib/deadline.ts';
import { hasCode } from '../../../lib/errors.ts';
import { maxEndMs, truncateReason } from '../destroy-kernels.ts';
import { kernelId, nothing, sessionId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
  'destroy_kernel',
  {
    kernel_id: kernelId,
    session_id: sessionId,
    reason: z.string().nullable().default(null),
    suppress_events: z.boolean().default(false),
  },
  nothing,
);

/** Ends a kernel and returns when nothing of it is left; of one that is not here it says that it has ended. */
export const destroyKernel = method({
  signature,
  notable: true,
  handle: async ({ kernel_id: id, session_id: session, reason, suppress_events: isSuppressed }, { services }) => {
    const { agent, notifier } = services;
    const why = truncateReason(reason ?? 'user-requested');
    const isHere = async () => (await agent.list({ all: false })).some((kernel) => kernel.id === id);
    const bound = { what: `the end of kernel ${id}, which goes on,`, timeoutMs: maxEndMs };
    if (!(await isHere())) {
      // One whose image is still being pulled is not among the agent's yet.
      if (await withDeadline(bound, () => services.creations.giveUp(id))) return null;
      if (!isSuppressed) notifier.notifyEnded(id, session, 'already-terminated');
      return null;
    }
    if (isSuppressed) await notifier.suppressTermination(id);
    try {
      await withDeadline(bound, () => agent.destroy(id, { force: why === 'force-terminated', reason: why }));
    } catch (error) {
      // It has ended by itself in between, and an event has said so.
      if (!hasCode(error, 'KERNEL_NOT_FOUND', 'KERNEL_NOT_RUNNING')) throw error;
    }
    return null;
  },
});
