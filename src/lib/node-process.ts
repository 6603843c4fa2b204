/**
 * How Node is started, and how the programs that it runs get their arguments: the only module that knows either.
 *
 * Node looks for options of its own (`--env-file`, `--experimental-config-file`) among all arguments, those of the program
 * included, and loads files and code for them. So every argument of a program travels with a mark in front, by which it
 * is no option, and the program takes the mark off. `bin/kernelet` does the same in the shell.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { KerneletError } from './errors.ts';

/** No option of Node or V8 begins with it. */
const mark = '=';

/** The Node that runs this program. */
const nodePath = process.execPath;

/** A JavaScript program, and what is passed to it and to Node. */
export interface NodeProgram {
  /** Absolute path of the JavaScript file. */
  readonly file: string;
  /** Options for Node itself: constants of the source, never what somebody else has written. */
  readonly flags: readonly string[];
  /** Arguments of the program: anything, also what looks like an option of Node's. */
  readonly args?: readonly string[];
}

/** The command line that has this Node run a program, which finds its arguments with `programArguments`. Pure. */
export const nodeCommand = (node: string, { file, flags, args = [] }: NodeProgram): [string, ...string[]] => [
  node,
  ...flags,
  file,
  ...args.map((argument) => `${mark}${argument}`),
];

/** The arguments of this program, as its starter meant them. Throws INVALID_ARGUMENT when one lacks its mark. */
export function programArguments(argv: readonly string[] = process.argv): string[] {
  return argv.slice(2).map((argument) => {
    if (argument.startsWith(mark)) return argument.slice(mark.length);
    throw new KerneletError(
      'INVALID_ARGUMENT',
      `${argv[1]} was given ${JSON.stringify(argument)} without the mark of its starter: start it with bin/kernelet`,
    );
  });
}

/** Starts a helper process. Of this process's environment it has PATH alone, so no variable changes what Node loads. */
export function startNode(program: NodeProgram, stdio: StdioOptions): ChildProcess {
  const [node, ...args] = nodeCommand(nodePath, program);
  return spawn(node, args, { stdio, env: { PATH: process.env['PATH'] } });
}
