/** What may stand where a command line ends, for shells that complete it. */
import type { Kernel } from '../http/api-types.ts';
import { languageNames } from '../protocol/runtimes.ts';
import { type CliCommand, type CommandEntry, flagsOf, type OptionSpec } from './command.ts';
import { findCommand, groups } from './find-command.ts';

/** A word, and what it is where that says more. */
export type Candidate = readonly [word: string, what?: string];

/** What is known beside the words. */
export interface CompletionSources {
  readonly table: readonly CommandEntry[];
  readonly common: readonly OptionSpec[];
  /** Names and ids; rejects where there is no daemon. */
  kernels(): Promise<readonly Candidate[]>;
}

/** What stands for each kernel: its name, and as much of its id as is its own in all likelihood. */
export const namesOfKernels = (kernels: readonly Kernel[]): readonly Candidate[] =>
  kernels.flatMap(({ id, name, image, phase }): Candidate[] => {
    const what = `${phase}, ${image}`;
    return [...(name === null ? [] : [[name, what] as const]), [id.slice(0, 8), what]];
  });

/** Lines for the last of these words, which may be empty; none: it may be a path, or anything. */
export async function completions(words: readonly string[], sources: CompletionSources): Promise<readonly string[]> {
  const current = words.at(-1) ?? '';
  const found = await candidatesFor(words.slice(0, -1), current, sources);
  return found
    .filter(([word]) => word.startsWith(current))
    .map(([word, what]) => (what === undefined ? word : `${word}\t${what.replaceAll(/\p{Cc}/gu, ' ')}`));
}

async function candidatesFor(
  before: readonly string[],
  current: string,
  { table, common, kernels }: CompletionSources,
): Promise<readonly Candidate[]> {
  const entry = findCommand(table, before);
  if (!entry) return current.startsWith('-') ? optionWords(common) : commandWords(before, table);
  const command = await entry.load();
  const options = [...command.options, ...common];
  const valued = options.find((option) => option.flags.includes('<') && flagsOf(option).includes(before.at(-1) ?? ''));
  if (valued) return valuesOf(valued);
  const operands = operandsOf(before, options).slice(entry.name.split(' ').length);
  if (operands.length > 0 && command.passThrough === 'after-first') return [];
  if (current.startsWith('-')) return optionWords(options);
  if (!takesKernel(command, operands.length)) return [];
  const found = await kernels().catch(() => []);
  return command.operands.some((operand) => operand.includes('id:'))
    ? found.map(([word, ...what]): Candidate => [`${word}:`, ...what])
    : found;
}

/** Words after a group are those of its commands. */
function commandWords(before: readonly string[], table: readonly CommandEntry[]): readonly Candidate[] {
  const group = groups.find(({ name }) => before.includes(name));
  const inGroup = table.filter(({ name }) => name.startsWith(`${group?.name} `));
  if (group) return inGroup.map(({ name, summary }) => [name.slice(group.name.length + 1), summary]);
  const alone = table.filter(({ name }) => !name.includes(' '));
  return [...alone, ...groups].map(({ name, summary }) => [name, summary]);
}

const optionWords = (options: readonly OptionSpec[]): readonly Candidate[] =>
  options.map((option) => [flagsOf(option).at(-1) ?? '', option.help]);

function valuesOf(option: OptionSpec): readonly Candidate[] {
  const values = flagsOf(option).includes('--lang') ? languageNames() : (option.choices ?? []);
  return values.map((value) => [value]);
}

/** Words that are neither options nor their values. */
function operandsOf(words: readonly string[], options: readonly OptionSpec[]): readonly string[] {
  const valued = new Set(options.filter(({ flags }) => flags.includes('<')).flatMap(flagsOf));
  return words.filter((word, index) => !word.startsWith('-') && !valued.has(words[index - 1] ?? ''));
}

/** Whether a kernel stands at this place among the operands of a command. */
function takesKernel({ operands, usage }: Pick<CliCommand, 'operands' | 'usage'>, place: number): boolean {
  if (place === 0) return /^[<[]id/.test(operands[0] ?? '') || usage?.startsWith('ID') === true;
  return operands[place]?.includes('id:') === true || /id(:path)?\.\.\./.test(operands[0] ?? '');
}
