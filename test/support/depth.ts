/** How thoroughly the tests are to be: `KERNELET_TEST_DEPTH` is `quick`, `full` (the default) or `nightly`. */

export type Depth = 'quick' | 'full' | 'nightly';

const asked = process.env['KERNELET_TEST_DEPTH'] ?? 'full';

/** The depth of this run. Throws for a word that is none, so that a misspelt one doesn't pass for thorough. */
export const depth: Depth = ((): Depth => {
  if (asked === 'quick' || asked === 'full' || asked === 'nightly') return asked;
  throw new Error(`KERNELET_TEST_DEPTH is ${JSON.stringify(asked)}, not quick, full or nightly`);
})();

/** The choice for the depth of this run. */
export const byDepth = <T>(choices: Readonly<Record<Depth, T>>): T => choices[depth];

/** Each of thousands of mutants is tried with a few random cases. */
const isMutated = process.env['KERNELET_MUTATION_UNITS'] !== undefined;

/** How many random cases a property is tried with, given how many are enough for every day: nightly ten times as many. */
export const fuzzRuns = (usual: number): number =>
  isMutated ? Math.ceil(usual / 100) : usual * byDepth({ quick: 1, full: 1, nightly: 10 });
