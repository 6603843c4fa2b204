/** `restart_kernel`: the kernel again with what is changed of its configuration (spec rpc 8.11). */

import { z } from 'zod';
import { KerneletError } from '../../../lib/errors.ts';
import { anyMap, imageReference, kernelId, kernelPorts, sessionId } from '../fields.ts';
import { RpcFailure } from '../rpc-failure.ts';
import { define, method } from '../rpc-method.ts';

const variables = z.record(z.string(), z.string());

const signature = define(
  'restart_kernel',
  { session_id: sessionId, kernel_id: kernelId, kernel_image: imageReference, updated_config: anyMap },
  z.looseObject(kernelPorts),
);

/** Makes the kernel's container anew. */
export const restartKernel = method({
  signature,
  notable: true,
  failures: { KERNEL_NOT_FOUND: 'FileNotFoundError', KERNEL_DIED: 'FileNotFoundError' },
  handle: async ({ kernel_id: id, updated_config: changes }, { services: { agent, infoOf }, signal }) => {
    await agent.restart(id, signal, changedVariables(changes));
    const { container_id, repl_in_port, repl_out_port, stdin_port, stdout_port, service_ports } = infoOf(id);
    const ports = { repl_in_port, repl_out_port, stdin_port, stdout_port, service_ports };
    return signature.result.parse({ container_id, ...ports });
  },
});

/** Of what was requested for a kernel, variables alone can be other than before: the rest belongs to what it holds. */
function changedVariables(changes: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const { environ = {}, ...others } = changes;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new KerneletError(
      'NOT_SUPPORTED',
      `a restart cannot change ${JSON.stringify(other.slice(0, 80))}, only environ`,
    );
  }
  const read = variables.safeParse(environ);
  if (!read.success) throw new RpcFailure('ValueError', 'environ of updated_config is not a map of texts');
  return read.data;
}
