/** Ends every kernel of the node, side by side. */
import type { Agent } from '../agent/agent.ts';
import { hasCode } from '../lib/errors.ts';

/** Resolves when nothing of them is left; throws the first failure, when all have been tried. */
export async function destroyAll(agent: Pick<Agent, 'list' | 'destroy'>, reason: string): Promise<void> {
  const live = await agent.list({ all: false });
  const endings = await Promise.allSettled(live.map(({ id }) => agent.destroy(id, { force: false, reason })));
  for (const ending of endings) {
    // One that has ended by itself in between is what was wanted.
    if (ending.status === 'rejected' && !hasCode(ending.reason, 'KERNEL_NOT_FOUND', 'KERNEL_NOT_RUNNING')) {
      throw ending.reason;
    }
  }
}
