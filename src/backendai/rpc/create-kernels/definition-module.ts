/** The module of the process in which model definitions are read. */

import { parseModelDefinition } from './model-definition.ts';
import type { DefinitionAnswer } from './models.ts';

const maxProblem = 1000;

/** Reads one. */
export function read({ text }: { readonly text: string }): DefinitionAnswer {
  try {
    return { models: parseModelDefinition(text) };
  } catch (error) {
    return { problem: (error instanceof Error ? error.message : String(error)).slice(0, maxProblem) };
  }
}
