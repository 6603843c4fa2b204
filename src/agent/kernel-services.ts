/** Starting and ending services of a kernel (spec rpc 8.14, 8.19). */

import type { KernelSpec } from '../kernel/spec.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { ServiceOptions, ServiceOutcome } from '../protocol/kernel-services.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';

const startTimeoutMs = 10_000;
const stopTimeoutMs = 15_000;

const failed = (error: string): ServiceOutcome => ({ status: 'failed', error });

/** Starts a service. What the kernel has not, or may not have, is a failed outcome; so is a runner that is silent. */
export async function startService(
  spec: KernelSpec,
  runner: RunnerClient,
  service: { readonly name: string; readonly options: ServiceOptions },
  signal: AbortSignal,
): Promise<ServiceOutcome> {
  if (spec.servicesBlocked) return failed('operation blocked');
  if (!spec.services.some(({ name }) => name === service.name)) return failed('invalid service name');
  const options = { what: `the start of service ${service.name}`, timeoutMs: startTimeoutMs, signal };
  try {
    return await withDeadline(options, (deadline) =>
      runner.request('start-service', service, { signal: deadline.signal }),
    );
  } catch (error) {
    if (hasCode(error, 'DEADLINE_EXCEEDED')) return failed('timeout');
    throw error;
  }
}

/** Ends a service; one that does not run is nothing to end. Throws INVALID_ARGUMENT for what the kernel has not. */
export async function stopService(spec: KernelSpec, runner: RunnerClient, name: string, signal: AbortSignal) {
  if (!spec.services.some((service) => service.name === name)) {
    const has = spec.services.map((service) => service.name).join(', ') || 'none';
    const message = `the kernel has no service ${JSON.stringify(name)}; it has ${has}`;
    throw new KerneletError('INVALID_ARGUMENT', message, { context: { kernel: spec.id, service: name } });
  }
  const options = { what: `the end of service ${name}`, timeoutMs: stopTimeoutMs, signal };
  await withDeadline(options, (deadline) => runner.request('stop-service', { name }, { signal: deadline.signal }));
}
