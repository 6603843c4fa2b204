/** What managers are told beside what kernels tell themselves, in the words of events. */
import type { ClusterEventBook } from '../../events/cluster/cluster-event-book.ts';
import type { ManagerNews } from '../../rpc/rpc-method.ts';

/** Where no exit code is known. */
const unknownExitCode = -1;

/** The news of an agent. */
export function managerNews(book: Pick<ClusterEventBook, 'announce' | 'keepEndQuiet'>, agentId: string): ManagerNews {
  return {
    tellEnded: (kernel, session, reason) =>
      book.announce('kernel_terminated', { kernel, session, reason, exitCode: unknownExitCode }),
    tellPulling: (kernel, session, image) =>
      book.announce('kernel_pulling', { kernel, session, reason: image, info: {} }),
    askResourceCheck: () => book.announce('do_agent_resource_check', { agent: agentId }),
    keepQuiet: (kernel) => book.keepEndQuiet(kernel),
  };
}
