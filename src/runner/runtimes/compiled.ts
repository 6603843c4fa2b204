/** Languages that a compiler makes programs of; queries share no state without a Jupyter kernel (spec kernel-runner 14). */
import type { Plan, Runtime, RuntimeContext } from '../runtime.ts';
import { buildWithMake, main, operand, saveInput, sayUnable, steps, withTool } from './plan.ts';

/** What one compiled language has of its own. */
interface CompiledLanguage<Type extends string> {
  readonly type: Type;
  /** The language of Jupyter kernels that answer its queries where the image has one, lower-case. */
  readonly language: string;
  readonly tools: readonly string[];
  /** Said where the image has none of them. */
  readonly missing: string;
  /** The ending of a source that is written for a program. */
  readonly suffix: string;
  /** Whether such a source has a folder of its own, for a tool that minds a dot in front of a name. */
  readonly inFolder?: boolean;
  /** The command that makes a program of one source. */
  readonly compile: (tool: string, source: string, program: string) => readonly string[];
  /** Options of the compiler for queries, before all others. */
  readonly queryOptions?: readonly string[];
  /** Whether the program of a query stays in the home, as ./main. */
  readonly keepsMain: boolean;
  readonly environ?: Runtime['environ'];
  readonly clean: (context: RuntimeContext) => Plan;
  /** A script for a home without a Makefile, and its `$1`, `$2`, … */
  readonly build: (
    tool: string,
    context: RuntimeContext,
  ) => { readonly text: string; readonly args: readonly string[] };
  readonly exec: (context: RuntimeContext) => Plan;
}

/** The runtime of a compiled language. */
export function compiledRuntime<Type extends string>(language: CompiledLanguage<Type>) {
  const { type, tools, missing, suffix, compile, environ = () => ({}), clean, exec } = language;
  const newSource = (context: RuntimeContext): { readonly path: string; readonly made: string } => {
    const made = context.temporaryPath(language.inFolder ? '' : suffix);
    return { path: language.inFolder ? `${made}/main${suffix}` : made, made };
  };

  return {
    type,
    tools,
    environ,
    clean,

    build(context) {
      const { text, args } =
        context.tool === null ? { text: sayUnable(missing), args: [] } : language.build(context.tool, context);
      return buildWithMake(context, text, args);
    },

    exec,

    program(source, args, context) {
      return withTool(context, missing, (tool) => {
        const program = context.temporaryPath('.out');
        if (source.from === 'file') {
          return steps(
            { do: 'remove-at-end', paths: [program] },
            { do: 'run', command: { argv: compile(tool, operand(source.path), program) } },
            main([program, ...args]),
          );
        }
        const { path, made } = newSource(context);
        return steps(
          { do: 'remove-at-end', paths: [made, program] },
          source.from === 'stdin' ? saveInput(context, path) : { do: 'write', path, content: source.code },
          { do: 'run', command: { argv: compile(tool, path, program) } },
          main([program, ...args]),
        );
      });
    },

    query: {
      by: 'jupyter',
      kernel: { language: language.language },
      plan: (code, context) =>
        withTool(context, missing, (tool) => {
          const { path, made } = newSource(context);
          const program = language.keepsMain ? './main' : context.temporaryPath('.out');
          const [compiler = '', ...rest] = compile(tool, path, program);
          return steps(
            { do: 'remove-at-end', paths: language.keepsMain ? [made] : [made, program] },
            { do: 'write', path, content: code },
            { do: 'run', command: { argv: [compiler, ...(language.queryOptions ?? []), ...rest] } },
            main([program]),
          );
        }),
    },
  } as const satisfies Runtime;
}
