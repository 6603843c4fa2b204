/** What the matrix of languages (`test/integration/languages.test.ts`) has found, as it is written down for the page. */
import { join } from 'node:path';

/** What is tried of each language, in the order of the page. */
export const languageChecks = [
  'query',
  'run',
  'batch',
  'build failure',
  'exec failure',
  'input',
  'interrupt',
  'time limit',
  'unicode',
  'files',
] as const;

/** By the type of the runtime: `yes` for what held, empty for what there is none of. */
export type LanguageResults = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The file in which the results stand between two runs. */
export const languageResultsFile = join(import.meta.dirname, 'language-results.json');
