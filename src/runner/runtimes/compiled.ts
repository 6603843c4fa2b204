/** C and C++: the same plans with another language for the compiler (spec kernel-runner 14). */
import type { Plan, Runtime, RuntimeContext } from '../runtime.ts';
import { batchMode, buildWithMake, cleanWithMake, main, script, steps, unable } from './plan.ts';

/** What one compiled language has of its own. */
interface CompiledLanguage {
  readonly type: string;
  readonly title: string;
  /** What the compiler's `-x` calls it; without it a C++ driver would take `.c` for C++. */
  readonly dialect: 'c' | 'c++';
  /** Endings of sources that a batch build compiles. */
  readonly suffixes: readonly [string, ...string[]];
  readonly tools: readonly string[];
}

const libraries = ['-lrt', '-lm', '-lpthread', '-ldl'] as const;

/**
 * Compiles every source below the home into an object of its own number, in a folder that is removed afterwards:
 * sources of one name in two folders don't collide, and no name is too odd. `$1` compiler, `$2` dialect, `$3` folder.
 */
function buildScript(language: CompiledLanguage): string {
  const pattern = language.suffixes.map((suffix) => `*${suffix}`).join('|');
  return `compiler=$1 dialect=$2 objects=$3 count=0
trap 'rm -rf "$objects"' EXIT
mkdir "$objects" || exit
compile() {
  for file in "$1"/*; do
    if [ -d "$file" ]; then
      if [ ! -L "$file" ]; then compile "$file" || return; fi
    elif [ -f "$file" ]; then
      case "$file" in
        ${pattern})
          count=$((count + 1))
          "$compiler" -Wall -x "$dialect" -c "$file" -o "$objects/$count.o" || return
      esac
    fi
  done
}
compile . || exit
if [ "$count" = 0 ]; then
  echo "kernelet: no Makefile and no ${language.title} source (${language.suffixes.join(', ')}) to build" >&2
  exit 127
fi
"$compiler" "$objects"/*.o -Wall -o main ${libraries.join(' ')}`;
}

const execScript = `for program in ./main ./a.out; do
  if [ -f "$program" ] && [ -x "$program" ]; then exec "$program"; fi
done
echo "kernelet: neither ./main nor ./a.out is there to run" >&2
exit 127`;

/** The program comes on standard input, which is at its end when the program runs. */
const fromStandardInput = `compiler=$1 dialect=$2 binary=$3
shift 3
"$compiler" -x "$dialect" - -x none -o "$binary" ${libraries.join(' ')} || exit
exec "$binary" "$@"`;

/** The runtime of a compiled language. */
function compiledRuntime(language: CompiledLanguage) {
  const noCompiler = `this image has no ${language.title} compiler (${language.tools.join(', ')})`;
  const withTool = (context: RuntimeContext, plan: (compiler: string) => Plan): Plan =>
    context.tool === null ? unable(noCompiler) : plan(context.tool);
  const compile = (tool: string, source: string, binary: string, ...options: string[]): readonly string[] => [
    ...[tool, ...options, '-x', language.dialect, source, '-x', 'none', '-o', binary],
    ...libraries,
  ];
  /** A source that begins with a dash would be an option, and with `@` a file of options. */
  const sourceOperand = (path: string): string => (/^[-@]/.test(path) ? `./${path}` : path);

  return {
    type: language.type,
    tools: language.tools,
    environ: () => ({}),
    clean: (context) => cleanWithMake(context),

    build(context) {
      if (context.tool === null) {
        return buildWithMake(context, `echo "kernelet: ${noCompiler}" >&2; exit 127`);
      }
      const objects = context.temporaryPath('.build');
      return buildWithMake(context, buildScript(language), [context.tool, language.dialect, objects]);
    },

    exec: (context) => steps(main(script(context, execScript), batchMode)),

    program(source, args, context) {
      return withTool(context, (tool) => {
        const binary = context.temporaryPath('.out');
        if (source.from === 'stdin') {
          return steps(
            { do: 'remove-at-end', paths: [binary] },
            main(script(context, fromStandardInput, [tool, language.dialect, binary, ...args])),
          );
        }
        if (source.from === 'file') {
          return steps(
            { do: 'remove-at-end', paths: [binary] },
            { do: 'run', command: { argv: compile(tool, sourceOperand(source.path), binary) } },
            main([binary, ...args]),
          );
        }
        const path = context.temporaryPath(language.suffixes[0]);
        return steps(
          { do: 'write', path, content: source.code },
          { do: 'remove-at-end', paths: [path, binary] },
          { do: 'run', command: { argv: compile(tool, path, binary) } },
          main([binary, ...args]),
        );
      });
    },

    /** Keeps no state; `./main` stays, as the spec has it. */
    query: {
      by: 'plan',
      plan: (code, context) =>
        withTool(context, (tool) => {
          const path = context.temporaryPath(language.suffixes[0]);
          return steps(
            { do: 'write', path, content: code },
            { do: 'remove-at-end', paths: [path] },
            { do: 'run', command: { argv: compile(tool, path, './main', '-Wall') } },
            main(['./main']),
          );
        }),
    },
  } as const satisfies Runtime;
}

/** C programs, with a C++ compiler too, which gets them as C. Built, not interpreted, so that queries share no state. */
export const c = compiledRuntime({
  type: 'c',
  title: 'C',
  dialect: 'c',
  suffixes: ['.c'],
  tools: ['gcc', 'cc', 'clang', 'g++'],
});

/** C++ programs, by the first compiler that the image has. Built, not interpreted, so that queries share no state. */
export const cpp = compiledRuntime({
  type: 'cpp',
  title: 'C++',
  dialect: 'c++',
  suffixes: ['.cpp', '.cc', '.cxx', '.c++', '.C'],
  tools: ['g++', 'c++', 'clang++'],
});
