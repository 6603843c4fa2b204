/**
 * Every runtime type that images may name (spec kernel-runner 14), and how a program's language is recognised: by its
 * file's suffix, by its first line, or by the name that a person gives. The types are the contract with image authors;
 * how each runs its programs is the runner's affair (`runner/runtimes/`).
 */

/** The images of this repository that a runtime can start in. */
export type ImageRecipeName =
  | 'gcc'
  | 'golang'
  | 'haskell'
  | 'java'
  | 'nodejs'
  | 'octave'
  | 'python'
  | 'python-science'
  | 'r'
  | 'rust'
  | 'scripting'
  | 'shell'
  | 'typescript';

/** What is known of a runtime type outside the runner. */
export interface RuntimeInfo {
  /** The type string of the image label `runtime-type`. */
  readonly type: string;
  /** Its name in texts for people: `Python`. */
  readonly title: string;
  /** Endings of its programs' file names, with the dot; the first is the usual one. */
  readonly suffixes: readonly string[];
  /** Names of programs in a first line `#!`, without a version: `python` stands for `python3.11` too. */
  readonly shebangs: readonly string[];
  /** Names that `--lang` takes, lower-case; the first is the one that help shows. */
  readonly languages: readonly string[];
  /** The image to use when the caller names none; null when this repository has none for it. */
  readonly recipe: ImageRecipeName | null;
}

/** The type of images that name none: services work, and programs run in a shell when the caller wants one. */
export const defaultRuntimeType = 'app';

function entry(type: string, title: string, rest: Partial<Omit<RuntimeInfo, 'type' | 'title'>> = {}): RuntimeInfo {
  return { type, title, suffixes: [], shebangs: [], languages: [], recipe: null, ...rest };
}

/** The table, in the order in which help lists it. */
export const runtimeTable: readonly RuntimeInfo[] = [
  entry('python', 'Python', {
    suffixes: ['.py', '.pyw'],
    shebangs: ['python', 'pypy', 'ipython'],
    languages: ['python', 'python3', 'py'],
    recipe: 'python',
  }),
  entry('nodejs', 'JavaScript', {
    suffixes: ['.js', '.mjs', '.cjs'],
    shebangs: ['node', 'nodejs'],
    languages: ['nodejs', 'node', 'javascript', 'js'],
    recipe: 'nodejs',
  }),
  entry('typescript', 'TypeScript', {
    suffixes: ['.ts', '.mts', '.cts'],
    shebangs: ['tsx', 'ts-node'],
    languages: ['typescript', 'ts'],
    recipe: 'typescript',
  }),
  entry('c', 'C', { suffixes: ['.c'], languages: ['c'], recipe: 'gcc' }),
  entry('cpp', 'C++', {
    suffixes: ['.cpp', '.cc', '.cxx', '.c++', '.C'],
    languages: ['cpp', 'c++', 'cxx'],
    recipe: 'gcc',
  }),
  entry('shell', 'Shell', {
    suffixes: ['.sh', '.bash'],
    shebangs: ['sh', 'bash', 'dash', 'ash', 'ksh'],
    languages: ['shell', 'sh', 'bash'],
    recipe: 'shell',
  }),
  entry('app', 'Application'),
  entry('golang', 'Go', { suffixes: ['.go'], languages: ['golang', 'go'], recipe: 'golang' }),
  entry('rust', 'Rust', { suffixes: ['.rs'], languages: ['rust', 'rs'], recipe: 'rust' }),
  entry('java', 'Java', { suffixes: ['.java'], languages: ['java'], recipe: 'java' }),
  entry('php', 'PHP', { suffixes: ['.php'], shebangs: ['php'], languages: ['php'], recipe: 'scripting' }),
  entry('lua', 'Lua', { suffixes: ['.lua'], shebangs: ['lua', 'luajit'], languages: ['lua'], recipe: 'scripting' }),
  entry('r', 'R', { suffixes: ['.R', '.r'], shebangs: ['Rscript', 'R'], languages: ['r'], recipe: 'r' }),
  entry('julia', 'Julia', { suffixes: ['.jl'], shebangs: ['julia'], languages: ['julia', 'jl'] }),
  entry('octave', 'Octave', {
    suffixes: ['.m'],
    shebangs: ['octave', 'octave-cli'],
    languages: ['octave', 'matlab'],
    recipe: 'octave',
  }),
  entry('scheme', 'Scheme', {
    suffixes: ['.scm'],
    shebangs: ['scheme'],
    languages: ['scheme', 'scm'],
    recipe: 'scripting',
  }),
  entry('haskell', 'Haskell', {
    suffixes: ['.hs'],
    shebangs: ['runhaskell', 'runghc'],
    languages: ['haskell', 'hs'],
    recipe: 'haskell',
  }),
  entry('git', 'Git'),
  entry('vendor.h2o', 'H2O Driverless AI'),
  entry('vendor.aws_polly', 'Amazon Polly'),
  entry('r_server_ms', 'Microsoft R Server'),
];

const byType = new Map(runtimeTable.map((info) => [info.type, info]));
const byLanguage = new Map(runtimeTable.flatMap((info) => info.languages.map((name) => [name, info] as const)));
const bySuffix = new Map(runtimeTable.flatMap((info) => info.suffixes.map((suffix) => [suffix, info] as const)));
const byShebang = new Map(runtimeTable.flatMap((info) => info.shebangs.map((name) => [name, info] as const)));

/** The Jupyter kernel that a type names (`jupyter:bash`: the kernelspec `bash` of the image), or null. */
export function kernelOfType(type: string): string | null {
  return /^jupyter:([\w.-]{1,64})$/.exec(type)?.[1] ?? null;
}

const runtimeOfKernel = (type: string): RuntimeInfo | null => {
  const kernel = kernelOfType(type);
  return kernel === null ? null : entry(type, `Jupyter kernel ${kernel}`);
};

/** A type of the table or of a Jupyter kernel, or null. */
export function runtimeByType(type: string): RuntimeInfo | null {
  return byType.get(type) ?? runtimeOfKernel(type);
}

/** The runtime that `--lang NAME` means, in any case; null when no runtime has this name. `jupyter:bash` is a Jupyter kernel. */
export function runtimeByLanguage(name: string): RuntimeInfo | null {
  return byLanguage.get(name.toLowerCase()) ?? runtimeOfKernel(name);
}

/** The runtime of a file by its name's ending; case counts first (`.C` is C++), then it does not (`.PY`). */
export function runtimeBySuffix(fileName: string): RuntimeInfo | null {
  const name = fileName.slice(fileName.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  if (dot < 1) return null;
  const suffix = name.slice(dot);
  return bySuffix.get(suffix) ?? bySuffix.get(suffix.toLowerCase()) ?? null;
}

/**
 * The runtime of a program by its first line: `#!/usr/bin/env -S python3 -u` and `#!/usr/bin/python3.11` are Python.
 * Null when the text has no such line or its program is unknown. Only the first 256 characters are looked at.
 */
export function runtimeByShebang(text: string): RuntimeInfo | null {
  if (!text.startsWith('#!')) return null;
  const words = (text.slice(2, 256).split('\n', 1)[0] ?? '').trim().split(/\s+/);
  const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
  let program = baseName(words[0] ?? '');
  if (program === 'env') {
    const command = words.slice(1).find((word) => !word.startsWith('-') && !word.includes('='));
    program = baseName(command ?? '');
  }
  return byShebang.get(program) ?? byShebang.get(program.replace(/[\d.]+$/, '')) ?? null;
}

/** Names that `--lang` takes, one for each runtime that has any, for help and errors. */
export function languageNames(): readonly string[] {
  return runtimeTable.flatMap((info) => info.languages.slice(0, 1));
}
