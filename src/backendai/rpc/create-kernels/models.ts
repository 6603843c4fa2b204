/** The models of an inference session, as its variant or its virtual folder defines them (spec kernel-lifecycle 20). */
import { relative } from 'node:path';
import type { RequestedModel } from '../../../agent/agent.ts';
import { programFile } from '../../../lib/installation.ts';
import type { Logger } from '../../../lib/log.ts';
import { ModuleHost } from '../../../lib/module-host/module-host.ts';
import { Semaphore } from '../../../lib/semaphore.ts';
import { isSystemError } from '../../../lib/system-error.ts';
import type { ForeignFiles } from '../../../storage/file-systems/file-systems.ts';
import { canonical } from '../../../storage/mounts/mount-policy.ts';
import { RpcFailure } from '../rpc-failure.ts';
import { folderOf } from './kernel-specification.ts';
import { type DefinedModel, definitionAnswer } from './model-definition.ts';
import type { KernelConfig, RequestedModels } from './request.ts';

const none: RequestedModels = { models: [], services: [], environ: {} };
const usualNames = ['model-definition.yaml', 'model-definition.yml'];
const maxDefinition = 1024 * 1024;
/** For a definition in its process, the start of that included. */
const defaultParseMs = 5_000;
const usualCheck = { maxRetries: 10, maxWaitMs: 5000, expectedStatus: 200 };
const variantPort = 8000;

/** What a variant starts is the command of its image. */
const variants: Readonly<Record<string, { readonly name: string; readonly healthPath: string | null }>> = {
  vllm: { name: 'vllm-model', healthPath: '/health' },
  nim: { name: 'nim-model', healthPath: '/v1/health/ready' },
  cmd: { name: 'image-model', healthPath: null },
};

/** By whom definitions are read, and in which bounds. */
export interface DefinitionReading {
  readonly files: Pick<ForeignFiles, 'read'>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** For one definition in its process; 5 s when absent. */
  readonly parseMs?: number;
}

/** Throws AgentError for a session without a model's folder, and for a definition that cannot be used. */
export async function requestedModels(config: KernelConfig, reading: DefinitionReading): Promise<RequestedModels> {
  if (config.session_type !== 'inference') return none;
  const folder = config.mounts.find(({ usage_mode: usage }) => usage === 'model');
  if (!folder) throw new RpcFailure('AgentError', 'At least one model virtual folder must be specified.');
  const { runtime_variant: variant = 'custom', model_definition_path: path } = config.internal_data ?? {};
  const known = Object.hasOwn(variants, variant) ? variants[variant] : undefined;
  if (!known && variant !== 'custom') {
    throw new RpcFailure('AgentError', `the runtime variant ${JSON.stringify(variant.slice(0, 80))} is not known`);
  }
  const all = known
    ? [{ name: known.name, path: folder.kernel_path, served: ofVariant(known, folder.kernel_path) }]
    : (await defined(folder, path ? [path] : usualNames, reading)).map((model) => ({
        name: model.name,
        path: model.model_path,
        served: ofDefinition(model),
      }));
  const served = all.flatMap((model) => model.served ?? []);
  const isMain = config.cluster_role === 'main' || config.cluster_role === 'master';
  return {
    models: isMain ? served : [],
    services: served.map(({ name, port }) => ({
      name: `${name}-${port}`,
      protocol: 'preopen',
      containerPorts: [port],
      isInference: true,
    })),
    environ: {
      BACKEND_MODEL_NAME: config.environ['BACKEND_MODEL_NAME'] ?? all[0]?.name ?? '',
      BACKEND_MODEL_PATH: all.at(-1)?.path ?? '',
    },
  };
}

function ofVariant({ name, healthPath }: { name: string; healthPath: string | null }, path: string): RequestedModel {
  const healthCheck = healthPath === null ? null : { path: healthPath, ...usualCheck };
  return { name, path, port: variantPort, command: null, preStart: '[]', healthCheck };
}

/** null: it is there and nobody serves it. */
function ofDefinition({ name, model_path: path, service }: DefinedModel): RequestedModel | null {
  if (!service) return null;
  const { port, start_command: command, pre_start_actions: actions, health_check: check } = service;
  return {
    name,
    path,
    port,
    command,
    preStart: JSON.stringify(actions ?? []),
    healthCheck: check && {
      path: check.path,
      maxRetries: check.max_retries ?? usualCheck.maxRetries,
      maxWaitMs: check.max_wait_time === null ? usualCheck.maxWaitMs : Math.round(check.max_wait_time * 1000),
      expectedStatus: check.expected_status_code ?? usualCheck.expectedStatus,
    },
  };
}

async function defined(
  { host_path: path, vfsubpath }: KernelConfig['mounts'][number],
  names: readonly string[],
  reading: DefinitionReading,
): Promise<readonly DefinedModel[]> {
  const { files, signal } = reading;
  const part = canonical(path);
  // From the virtual folder on: on the way to the part its users may have put links.
  const folder = folderOf(part, vfsubpath);
  const way = part === folder ? '' : `${relative(folder, part)}/`;
  for (const name of names) {
    const what = `the model definition ${name}`;
    try {
      return await readDefinition(await files.read(folder, `${way}${name}`, maxDefinition), reading);
    } catch (error) {
      signal.throwIfAborted();
      if (isSystemError(error, 'ENOENT') && name !== names.at(-1)) continue;
      const why = isSystemError(error, 'ENOENT') ? 'it is not there' : error instanceof Error ? error.message : error;
      throw new RpcFailure('AgentError', `${what} cannot be used: ${String(why)}`);
    }
  }
  return [];
}

/** Definitions that were written to take long must not take all of the node's time. */
const turns = new Semaphore(2);

/**
 * Reads a definition, in a process of its own: users of virtual folders write them, and a text of a few kilobytes can keep
 * the parser busy for minutes. Throws an Error that says what is wrong with it, DEADLINE_EXCEEDED and NOT_SUPPORTED.
 */
async function readDefinition(
  text: string,
  { log, signal, parseMs = defaultParseMs }: DefinitionReading,
): Promise<readonly DefinedModel[]> {
  const specifier = programFile('backendai/rpc/create-kernels/definition-module');
  const options = { specifier, from: specifier, title: 'the reader of definitions', log, timeoutMs: parseMs };
  const answer = await turns.run(async () => {
    await using host = new ModuleHost(options);
    return definitionAnswer.parse(JSON.parse(await host.call('read', { text }, { signal })));
  }, signal);
  if ('problem' in answer) throw new Error(answer.problem);
  return answer.models;
}
