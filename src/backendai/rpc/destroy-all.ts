/** Ends every kernel of the node, side by side. */
import { withDeadline } from '../../lib/deadline.ts';
import { hasCode } from '../../lib/errors.ts';
import type { RpcServices } from './rpc-method.ts';

/** Managers wait without a limit of their own, and an engine may hang. */
export const maxEndMs = 120_000;

/**
 * Resolves when nothing of them is left, nor of those whose creation has only begun; throws the first failure, when all
 * have been tried, and DEADLINE_EXCEEDED.
 */
export async function destroyAll(services: Pick<RpcServices, 'agent' | 'creations'>, reason: string): Promise<void> {
  const { agent, creations } = services;
  const live = new Set((await agent.list({ all: false })).map(({ id }) => id));
  const begun = creations.open.filter((id) => !live.has(id));
  const what = 'the end of all kernels, which goes on,';
  const endings = await withDeadline({ what, timeoutMs: maxEndMs }, () =>
    Promise.allSettled([
      ...begun.map((id) => creations.giveUp(id)),
      ...[...live].map((id) => agent.destroy(id, { force: false, reason })),
    ]),
  );
  for (const ending of endings) {
    // One that has ended by itself in between is what was wanted.
    if (ending.status === 'rejected' && !hasCode(ending.reason, 'KERNEL_NOT_FOUND', 'KERNEL_NOT_RUNNING')) {
      throw ending.reason;
    }
  }
}
