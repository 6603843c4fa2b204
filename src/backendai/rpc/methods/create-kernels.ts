/** `create_kernels`: all kernels of one session on this node (spec rpc 8.6). */
import { z } from 'zod';
import { KerneletError } from '../../../lib/errors.ts';
import { machineName } from '../../wire/machine-name.ts';
import { requestedKernel } from '../create-kernels/kernel-specification.ts';
import { requestedModels } from '../create-kernels/models.ts';
import { clusterInfo, kernelConfig, namedNetwork } from '../create-kernels/request.ts';
import { anyMap, anything, imageReference, kernelId, kernelPorts, sessionId } from '../fields.ts';
import { failureText, RpcFailure } from '../rpc-failure.ts';
import { define, method } from '../rpc-method.ts';

const created = z.looseObject({
  id: z.string(),
  kernel_host: z.string(),
  ...kernelPorts,
  resource_spec: anyMap,
  attached_devices: z.record(z.string(), z.array(anything)),
  agent_addr: z.string(),
  scaling_group: z.string(),
});

const signature = define(
  'create_kernels',
  {
    raw_session_id: sessionId,
    raw_kernel_ids: z.array(kernelId),
    raw_configs: z.array(kernelConfig),
    raw_cluster_info: clusterInfo,
    kernel_image_refs: z.record(z.string(), imageReference),
  },
  z.array(created),
);

/** Creates the kernels of a session that belong on this node, all or none of them. */
export const createKernels = method({
  signature,
  notable: true,
  failures: {
    KERNEL_DIED: 'AgentError',
    DEADLINE_EXCEEDED: 'AgentError',
    FILE_SYSTEM_HUNG: 'AgentError',
    IMAGE_UNUSABLE: 'AgentError',
  },
  handle: async (args, { services, signal, log }) => {
    const { raw_session_id: session, raw_kernel_ids: ids, raw_configs: configs } = args;
    if (ids.length !== configs.length) {
      throw new RpcFailure('ValueError', `${ids.length} kernels are named and ${configs.length} configured`);
    }
    if (new Set(ids).size !== ids.length) throw new RpcFailure('ValueError', 'the same kernel is named twice');
    const { slots } = await services.agent.resources(signal);
    const known = new Map(slots.map(({ slot, type }) => [slot, type]));
    const { raw_cluster_info: cluster } = args;
    const architecture = machineName(process.arch);
    const environ = namedNetwork(cluster) ? await services.networks.environ(signal) : {};
    const served = await Promise.all(
      configs.map((config) => requestedModels(config, { files: services.files, log, signal })),
    );
    const requested = ids.map((id, index) => {
      const [config, models, reference] = [configs[index], served[index], args.kernel_image_refs[id]];
      if (config && models && reference) {
        return requestedKernel({ id, session, config, cluster, reference, models }, { known, environ, architecture });
      }
      throw new KerneletError('KERNEL_NOT_FOUND', `no image is named for the kernel ${id}`, {
        context: { kernel: id },
      });
    });
    for (const { id, warnings } of requested) for (const text of warnings) log.warn(text, { kernel: id });
    // Kernels take over what was reserved for them: a port that was given back rests until then.
    for (const { request } of requested) for (const port of request.assignedPorts ?? []) services.ports.release(port);
    const made = await services.creations.create(requested, signal).catch((error: unknown) => {
      if (error instanceof AggregateError) {
        const texts = error.errors.map((one) => `${one instanceof Error ? one.name : 'Error'}: ${failureText(one)}`);
        throw new RpcFailure('TaskGroupError', texts.join('; '));
      }
      throw error;
    });
    return signature.result.parse(made);
  },
});
