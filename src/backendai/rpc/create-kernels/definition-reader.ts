/**
 * Reads model definitions, in a process of its own: a text of a few kilobytes can keep the parser busy for minutes, and
 * users of virtual folders write them.
 */

import type { Logger } from '../../../lib/log.ts';
import { ModuleHost } from '../../../lib/modules/module-host.ts';
import { programFile } from '../../../lib/modules/program-file.ts';
import { Semaphore } from '../../../lib/semaphore.ts';
import type { DefinedModel } from './model-definition.ts';

/** What the module of the process answers. */
export type DefinitionAnswer = { readonly models: readonly DefinedModel[] } | { readonly problem: string };

const timeoutMs = 5_000;
/** What many have written to take their time must not take all of the node's. */
const turns = new Semaphore(2);

/** The models of a definition. Throws an Error that says what is wrong with it, DEADLINE_EXCEEDED and NOT_SUPPORTED. */
export async function readDefinition(text: string, log: Logger, signal: AbortSignal): Promise<readonly DefinedModel[]> {
  const specifier = programFile('backendai/rpc/create-kernels/definition-module');
  const options = { specifier, from: specifier, title: 'the reader of definitions', log, timeoutMs };
  const answer = await turns.run(async () => {
    await using host = new ModuleHost(options);
    return JSON.parse(await host.call('read', { text }, { signal })) as DefinitionAnswer;
  }, signal);
  if ('problem' in answer) throw new Error(answer.problem);
  return answer.models;
}
