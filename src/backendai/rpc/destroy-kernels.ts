/** How calls end kernels, and for which reasons. */
import { withDeadline } from '../../lib/deadline.ts';
import { hasCode } from '../../lib/errors.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { RpcCall, RpcServices } from './rpc-method.ts';

/** Managers wait without a limit of their own, and an engine may hang. */
export const maxEndMs = 120_000;

/**
 * Ends every kernel of the node, side by side. Resolves when nothing of them is left, nor of those whose creation has only begun; throws the first failure, when all
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

/** Begins to end a kernel; no event says that it has ended, and a failure goes into the log. */
export function endInBackground(id: KernelId, reason: string, { services, log }: RpcCall): void {
  const end = async (): Promise<void> => {
    await services.notifier.suppressTermination(id);
    await services.agent.destroy(id, { force: false, reason });
  };
  end().catch((error: unknown) => {
    if (hasCode(error, 'KERNEL_NOT_FOUND', 'KERNEL_NOT_RUNNING')) return;
    log.warn('a kernel that the manager does not want could not be ended', { kernel: id, reason, error });
  });
}

const maxReasonLength = 200;

/** A reason that a manager gives, which goes into records, events and logs: on one line, and cut after 200 characters. */
export function truncateReason(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length <= maxReasonLength ? line : `${line.slice(0, maxReasonLength)}…`;
}
