/** `sync_kernel_registry` (spec rpc 8.5): what only one side knows is put right, on either side. */
import { z } from 'zod';
import { endInBackground } from '../destroy-kernels.ts';
import { kernelId, nothing, sessionId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

/** A manager's list may be older than its latest kernels. */
const youngMs = 60_000;

const signature = define(
  'sync_kernel_registry',
  { raw_kernel_session_ids: z.array(z.tuple([kernelId, sessionId])) },
  nothing,
);

/** Tells the end of kernels that are not here, and begins to end those that the manager doesn't know. */
export const syncKernelRegistry = method({
  signature,
  notable: true,
  handle: async ({ raw_kernel_session_ids: pairs }, call) => {
    const { agent, creations, notifier } = call.services;
    const live = await agent.list({ all: false });
    const here = new Set(live.map(({ id }) => id));
    for (const [kernel, session] of pairs) {
      // One whose image is still being pulled is not among the agent's yet.
      if (!here.has(kernel) && !creations.isCreating(kernel))
        notifier.notifyEnded(kernel, session, 'already-terminated');
    }
    const wanted = new Set(pairs.map(([kernel]) => kernel));
    const now = Date.now();
    for (const { id, phase, createdAt } of live) {
      if (!wanted.has(id) && phase !== 'creating' && now - createdAt >= youngMs)
        endInBackground(id, 'not-found-in-manager', call);
    }
    return null;
  },
});
