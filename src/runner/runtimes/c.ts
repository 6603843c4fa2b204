/** C and C++: the same plans with another language for the compiler (spec kernel-runner 14). */
import { compiledRuntime } from './compiled.ts';
import { batchMode, cleanWithMake, main, script, steps } from './plan.ts';

/** What C and C++ each have of their own. */
interface CLanguage<Type extends string> {
  readonly type: Type;
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
function buildScript(language: CLanguage<string>): string {
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

/** The runtime of C or C++. */
const cRuntime = <Type extends string>(language: CLanguage<Type>) =>
  compiledRuntime({
    type: language.type,
    language: language.dialect,
    tools: language.tools,
    missing: `this image has no ${language.title} compiler (${language.tools.join(', ')})`,
    suffix: language.suffixes[0],
    compile: (compiler, source, program) => [
      ...[compiler, '-x', language.dialect, source, '-x', 'none', '-o', program],
      ...libraries,
    ],
    queryOptions: ['-Wall'],
    keepsMain: true,
    clean: cleanWithMake,
    build: (compiler, context) => ({
      text: buildScript(language),
      args: [compiler, language.dialect, context.temporaryPath('.build')],
    }),
    exec: (context) => steps(main(script(context, execScript), batchMode)),
  });

/** C programs, with a C++ compiler too, which gets them as C. Built, not interpreted, so that queries share no state. */
export const c = cRuntime({
  type: 'c',
  title: 'C',
  dialect: 'c',
  suffixes: ['.c'],
  tools: ['gcc', 'cc', 'clang', 'g++'],
});

/** C++ programs, by the first compiler that the image has. Built, not interpreted, so that queries share no state. */
export const cpp = cRuntime({
  type: 'cpp',
  title: 'C++',
  dialect: 'c++',
  suffixes: ['.cpp', '.cc', '.cxx', '.c++', '.C'],
  tools: ['g++', 'c++', 'clang++'],
});
