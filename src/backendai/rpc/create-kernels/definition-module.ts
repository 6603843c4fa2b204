/**
 * The module of the process in which model definitions are read, and the only one that imports `yaml`: users of virtual
 * folders write definitions, and a text of a few kilobytes can keep its parser busy for minutes.
 */
import { parse } from 'yaml';
import type { z } from 'zod';
import { type DefinedModel, type definitionAnswer, modelDefinition } from './model-definition.ts';

const maxProblem = 1000;
const maxAliases = 100;

/** Reads a definition for another process: its models, or what is wrong with it. */
export function read({ text }: { readonly text: string }): z.output<typeof definitionAnswer> {
  try {
    return { models: [...parseModelDefinition(text)] };
  } catch (error) {
    return { problem: (error instanceof Error ? error.message : String(error)).slice(0, maxProblem) };
  }
}

/** Reads a definition. Throws an Error that says what is wrong with it, and where. */
export function parseModelDefinition(text: string): readonly DefinedModel[] {
  const result = modelDefinition.safeParse(parse(text, { maxAliasCount: maxAliases }));
  if (result.success) return result.data.models;
  const [issue] = result.error.issues;
  throw new Error(`${issue?.path.join('.') || 'the document'}: ${issue?.message}`);
}
