/** Languages whose programs are files that their tool runs; queries share no state without a Jupyter kernel (spec kernel-runner 14). */
import type { KernelChoice } from '../jupyter/kernel-choice.ts';
import type { Plan, Runtime, RuntimeContext } from '../runtime.ts';
import { buildWithMake, companion, main, nothing, operand, runMain, saveInput, steps, unable } from './plan.ts';

/** What one interpreted language has of its own. */
interface InterpretedLanguage<Type extends string> {
  readonly type: Type;
  readonly title: string;
  readonly tools: readonly string[];
  /** The program of the tool's installation that runs files, where it is another one than the tool. */
  readonly runner?: string;
  /** The ending of its files, with the dot; a batch runs the file `main` with it. */
  readonly suffix: string;
  /** How a file is run with arguments; by default they follow it. */
  readonly command?: (runner: string, file: string, args: readonly string[]) => readonly string[];
  /** Code as it stands in a file. */
  readonly fileOf?: (code: string) => string;
  readonly environ?: Runtime['environ'];
  /** The Jupyter kernel that answers its queries where the image has it; by default one whose language has the type's name. */
  readonly kernel?: KernelChoice;
}

/** The runtime of an interpreted language. */
export function interpretedRuntime<Type extends string>(language: InterpretedLanguage<Type>) {
  const { type, title, tools, suffix, fileOf = (code) => code } = language;
  const command = language.command ?? ((runner, file, args) => [runner, file, ...args]);
  const wanted = language.runner ? [language.runner] : tools.filter((name) => !name.includes('/'));

  const withRunner = (context: RuntimeContext, plan: (runner: string) => Plan): Plan => {
    const runner = language.runner === undefined ? context.tool : companion(context, language.runner);
    return runner === null ? unable(`this image has no ${title} (${wanted.join(', ')})`) : plan(runner);
  };
  const runCode = (code: string, args: readonly string[], context: RuntimeContext): Plan =>
    withRunner(context, (runner) => {
      const path = context.temporaryPath(suffix);
      return steps(
        { do: 'write', path, content: fileOf(code) },
        { do: 'remove-at-end', paths: [path] },
        main(command(runner, path, args)),
      );
    });

  return {
    type,
    tools,
    environ: language.environ ?? (() => ({})),
    clean: () => nothing(),
    build: (context) => buildWithMake(context),

    exec: (context) =>
      withRunner(context, (runner) => steps(runMain(context, `main${suffix}`, command(runner, `main${suffix}`, [])))),

    program(source, args, context) {
      if (source.from === 'code') return runCode(source.code, args, context);
      return withRunner(context, (runner) => {
        if (source.from === 'file') return steps(main(command(runner, operand(source.path), args)));
        const path = context.temporaryPath(suffix);
        const program = main(command(runner, path, args));
        return steps({ do: 'remove-at-end', paths: [path] }, saveInput(context, path), program);
      });
    },

    query: {
      by: 'jupyter',
      kernel: language.kernel ?? { language: type },
      plan: (code, context) => runCode(code, [], context),
    },
  } as const satisfies Runtime;
}
