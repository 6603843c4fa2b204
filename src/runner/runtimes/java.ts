/**
 * Java: compiled by javac into a folder that is removed afterwards. A public type has to stand in a file of its name, and
 * its program is the type with `main`: both are found in the source (spec kernel-runner 14).
 */
import type { Plan, Runtime, RuntimeContext } from '../runtime.ts';
import {
  batchMode,
  buildWithMake,
  companion,
  main,
  nothing,
  operand,
  pathWith,
  saveInput,
  sayUnable,
  script,
  steps,
  unable,
  withSources,
} from './plan.ts';

const noCompiler = 'this image has no Java compiler (java and javac)';

/**
 * Prints the package, the public type and the type with `main`, each `-` where there is none. Types that stand at the
 * beginning of a line are no inner ones.
 */
const describeSource = `
/^[ \\t]*package[ \\t]/ && package == "" { package = $2; sub(/;.*/, "", package) }
match($0, /(^|[ \\t])(class|interface|enum|record)[ \\t]+[A-Za-z_$][A-Za-z0-9_$]*/) {
  name = substr($0, RSTART, RLENGTH); sub(/.*[ \\t]/, "", name)
  if (first == "") first = name
  if ($0 !~ /^[ \\t]/) top = name
  if ($0 ~ /(^|[ \\t])public[ \\t]+([a-z]+[ \\t]+)*(class|interface|enum|record)[ \\t]/ && (public == "" || (inner && top == name))) { public = name; inner = top != name }
}
/static[ \\t].*void[ \\t]+main[ \\t]*\\(/ && entry == "" { entry = top == "" ? first : top }
END {
  if (entry == "") entry = public == "" ? first : public
  print package == "" ? "-" : package, public == "" ? "-" : public, entry == "" ? "-" : entry
}`;

/**
 * Compiles a source and runs it. `$1` java, `$2` javac, `$3` folder, `$4` the source; what follows is the program's. A
 * source without a type is for the launcher, which from Java 21 on knows such programs.
 */
const runScript = `java=$1 javac=$2 folder=$3 source=$4
shift 4
described=$(awk '${describeSource}' <"$source") || exit
package=\${described%% *} entry=\${described##* }
public=\${described#* } public=\${public% *}
if [ "$entry" = - ]; then exec "$java" "$source" "$@"; fi
[ "$public" != - ] || public=main
mkdir -p "$folder/classes" || exit
case $source in
  "$public.java" | */"$public.java") ;;
  *) cp "$source" "$folder/$public.java" && source=$folder/$public.java || exit ;;
esac
"$javac" -d "$folder/classes" "$source" || exit
[ "$package" = - ] || entry=$package.$entry
exec "$java" -cp "$folder/classes:\${CLASSPATH:-.}" "$entry" "$@"`;

/** The virtual machine of the compiler may take more of a small kernel than a quarter, which is the default. */
const compilerOptions = ['-J-XX:+IgnoreUnrecognizedVMOptions', '-J-XX:MaxRAMPercentage=50'] as const;

const execScript = `if [ -f main/Main.class ]; then exec "$1" main.Main; fi
if [ -f Main.class ]; then exec "$1" Main; fi
echo "kernelet: neither main/Main.class nor Main.class is there to run" >&2
exit 127`;

interface JavaTools {
  readonly java: string;
  readonly javac: string;
}

/** The label may name the folder's java or javac. */
function withTools(context: RuntimeContext, plan: (tools: JavaTools) => Plan): Plan {
  const [java, javac] = [companion(context, 'java'), companion(context, 'javac')];
  return java === null || javac === null ? unable(noCompiler) : plan({ java, javac });
}

const run = (
  context: RuntimeContext,
  { java, javac }: JavaTools,
  folder: string,
  source: string,
  args: readonly string[],
) => main(script(context, runScript, [java, javac, folder, source, ...args]));

function runCode(code: string, args: readonly string[], context: RuntimeContext): Plan {
  return withTools(context, (tools) => {
    const folder = context.temporaryPath('');
    const path = `${folder}/source/main.java`;
    return steps(
      { do: 'write', path, content: code },
      { do: 'remove-at-end', paths: [folder] },
      run(context, tools, folder, path, args),
    );
  });
}

/** Java programs; a batch compiles all sources of the home where they stand. */
export const java = {
  type: 'java',
  tools: ['java', '/usr/lib/jvm/java-*/bin/java'],

  environ: (context) => ({
    PATH: pathWith(context, ['/usr/lib/jvm/java-*/jre/bin', '/usr/lib/jvm/java-*/bin'].flatMap(context.folders)),
  }),

  clean: () => nothing(),

  build(context) {
    const javac = companion(context, 'javac');
    const text = javac === null ? sayUnable(noCompiler) : withSources('Java', '.java');
    return buildWithMake(context, text, [javac ?? '', ...compilerOptions, '-d', '.']);
  },

  exec: (context) => withTools(context, ({ java }) => steps(main(script(context, execScript, [java]), batchMode))),

  program(source, args, context) {
    if (source.from === 'code') return runCode(source.code, args, context);
    return withTools(context, (tools) => {
      const folder = context.temporaryPath('');
      const removal = { do: 'remove-at-end', paths: [folder] } as const;
      if (source.from === 'file') return steps(removal, run(context, tools, folder, operand(source.path), args));
      const path = `${folder}/source/main.java`;
      return steps(removal, saveInput(context, path), run(context, tools, folder, path, args));
    });
  },

  query: { by: 'jupyter', kernel: { language: 'java' }, plan: (code, context) => runCode(code, [], context) },
} as const satisfies Runtime;
