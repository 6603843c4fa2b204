// The parts of `npm test`, each a project of vitest.config.ts but for mutations, and which of them a run is to have.
import { parseArgs } from 'node:util';

/**
 * @typedef {object} Part
 * @property {string} name the project's, or of a mutation
 * @property {boolean} needsEngine whether a container engine must answer
 * @property {'line' | 'beside' | 'alone'} place `line`: one after the other; `beside`: mostly waits, so these go on, one
 *   after the other too, while the line does; `alone`: compares what is in the engine with what was before, so it comes when all others have ended
 * @property {{ sources: string, units: string }} [mutated] globs of sources that are mutated, and of the units that are to notice; a part of
 *   nightly runs
 */

const everything = ['**', '*'];

/** The part in which the units of a folder, or some of them, are to notice mutants of its sources, or of some of them. */
const mutation = (name, folder, sources = everything, units = sources) => ({
  ...{ name: `mutation-${name}`, needsEngine: false, place: 'alone' },
  mutated: { sources: `${[folder, ...sources].join('/')}.ts`, units: `${[folder, ...units].join('/')}.test.ts` },
});

/** @type {readonly Part[]} */
export const parts = [
  { name: 'unit', needsEngine: false, place: 'line' },
  { name: 'conformance', needsEngine: false, place: 'line' },
  { name: 'simulation', needsEngine: false, place: 'line' },
  { name: 'peers', needsEngine: false, place: 'line' },
  { name: 'cluster', needsEngine: false, place: 'line' },
  { name: 'e2e', needsEngine: true, place: 'beside' },
  { name: 'faults', needsEngine: true, place: 'beside' },
  { name: 'chaos', needsEngine: true, place: 'beside' },
  { name: 'soak', needsEngine: true, place: 'beside' },
  { name: 'budgets', needsEngine: true, place: 'alone' },
  { name: 'member', needsEngine: true, place: 'alone' },
  { name: 'integration', needsEngine: true, place: 'alone' },
  mutation('protocol', 'src/protocol'),
  mutation('wire', 'src/backendai/wire'),
  mutation('resources', 'src/resources'),
  mutation('kernel-container', 'src/kernel/container'),
  mutation('kernel-creation', 'src/kernel/creation'),
  mutation('kernel-reconciliation', 'src/kernel/reconciliation'),
  // In two halves, for it is the largest, and a part that is cut off begins anew.
  mutation('kernel-a-k', 'src/kernel', ['[a-k]*'], ['*']),
  mutation('kernel-l-z', 'src/kernel', ['[l-z]*'], ['*']),
];

/** What decides and what reads others' bytes: of each of these its own units must reach nearly every branch. */
export const measuredFolders = ['src/kernel', 'src/resources', 'src/protocol', 'src/backendai/wire'];

const names = parts.map(({ name }) => name);
/** `mutation` names all parts of its kind. */
const isNamed = (name, wanted) => name === wanted || name.startsWith(`${wanted}-`);

/**
 * Reads the command line. Throws for a part that there is none of.
 *
 * @param {readonly string[]} argv
 * @returns {{ depth: 'quick' | 'full' | 'nightly', keep: boolean, resumes: boolean, chosen: readonly Part[], filters: readonly string[] }}
 */
export function readArguments(argv) {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      nightly: { type: 'boolean' },
      keep: { type: 'boolean' },
      resume: { type: 'boolean' },
      part: { type: 'string', multiple: true },
    },
  });
  const depth = values.nightly ? 'nightly' : values.quick ? 'quick' : 'full';
  const wanted = values.part ?? parts.filter(({ mutated }) => !mutated || depth === 'nightly').map(({ name }) => name);
  for (const one of wanted) {
    if (!names.some((name) => isNamed(name, one)))
      throw new Error(`there is no part ${one}; there are ${names.join(', ')}`);
  }
  if (values.resume && positionals.length > 0)
    throw new Error('--resume goes by whole parts: leave the file filters out');
  return {
    depth,
    keep: values.keep ?? false,
    resumes: values.resume ?? false,
    chosen: parts.filter(({ name }) => wanted.some((one) => isNamed(name, one))),
    filters: positionals,
  };
}
