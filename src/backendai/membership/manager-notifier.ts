/** What managers are told beside what kernels tell themselves, in the words of events. */
import { ErrorEvents } from '../operations/error-events.ts';
import type { ManagerNotifier } from '../rpc/rpc-method.ts';
import type { ClusterParts } from './cluster-parts.ts';

/** Where no exit code is known. */
const unknownExitCode = -1;

/** The news of an agent. */
export function managerNotifier({
  book,
  quiet,
  identity,
  clock,
}: Pick<ClusterParts, 'book' | 'quiet' | 'identity' | 'clock'>): ManagerNotifier {
  const errors = new ErrorEvents((name, fields) => book.announce(name, fields), clock);
  return {
    tellEnded: (kernel, session, reason) =>
      book.announce('kernel_terminated', { kernel, session, reason, exitCode: unknownExitCode }),
    tellPulling: (kernel, session, image) => {
      book.tellPreparing(kernel, session);
      book.announce('kernel_pulling', { kernel, session, reason: image, info: {} });
    },
    tellFailed: (kernel, session) => {
      if (!book.hasComeToNothing(kernel)) return;
      book.announce('kernel_terminated', { kernel, session, reason: 'failed-to-create', exitCode: unknownExitCode });
    },
    askResourceCheck: () => book.announce('do_agent_resource_check', { agent: identity.agentId }),
    suppressTermination: (kernel) => quiet.add(kernel),
    tellError: (error) => errors.report(error),
  };
}
