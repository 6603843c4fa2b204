/**
 * Asks the runner what the image says of the kernel's services: whoever lists the services is told it together with their ports (spec
 * kernel-lifecycle 10.1). A kernel that starts none is asked nothing.
 */
import { withDeadline } from '../../../lib/deadline.ts';
import { hasCode } from '../../../lib/errors.ts';
import type { RunnerClients } from '../../runner-clients.ts';
import type { CreationStep } from '../step.ts';

const answerTimeoutMs = 10_000;
const marginMs = 1_000;

/** The record learns what the image says; a runner that does not answer in time costs no kernel. */
export function servicesStep(runners: RunnerClients): CreationStep {
  return {
    name: 'services',
    scope: 'generation',
    deadlineMs: answerTimeoutMs + marginMs,
    async apply(record, deadline) {
      const { services, servicesBlocked } = record.spec;
      if (services.length === 0 || servicesBlocked) return {};
      const options = { what: "the runner's list of services", timeoutMs: answerTimeoutMs, signal: deadline.signal };
      try {
        const request = { method: 'apps', params: null } as const;
        const { apps } = await withDeadline(options, ({ signal }) =>
          runners.open(record).request(request.method, request.params, { signal }),
        );
        return { apps };
      } catch (error) {
        // The services work without it: clients know less of them.
        if (hasCode(error, 'DEADLINE_EXCEEDED')) return { apps: [] };
        throw error;
      }
    },
    async revert() {},
  };
}
