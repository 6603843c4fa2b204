/**
 * TypeScript: by Node itself where it takes types away (from 22.18 on, or with an option from 22.6 on), else by the image's tsx
 * or tsc. Queries by the driver of JavaScript, which takes types away too. The type is ours; upstream has none.
 */
import type { Plan, Runtime, RuntimeContext } from '../runtime.ts';
import { nodejs } from './nodejs.ts';
import { main, operand, runMain, saveInput, script, steps, withTool } from './plan.ts';

const noNode = 'this image has no node, which runs TypeScript';

/** `$1` Node, `$2` a folder for what tsc makes, `$3` the source; what follows is the program's. */
const runScript = `node=$1 folder=$2 source=$3
shift 3
version=$("$node" --version) || exit
numbers=\${version#v} major=\${numbers%%.*} numbers=\${numbers#*.}
number=$((major * 100 + \${numbers%%.*}))
if [ $number -ge 2306 ] || [ $number -ge 2218 -a $major = 22 ]; then exec "$node" "$source" "$@"; fi
if [ $number -ge 2206 ]; then exec "$node" --experimental-strip-types "$source" "$@"; fi
if command -v tsx >/dev/null; then exec tsx "$source" "$@"; fi
if command -v tsc >/dev/null; then
  tsc --outDir "$folder" --target es2020 --module commonjs --skipLibCheck "$source" || exit
  name=\${source##*/}
  exec "$node" "$folder/\${name%.*}.js" "$@"
fi
echo "kernelet: TypeScript runs with Node 22.18 or later, or with tsx or tsc: this image has Node \${version#v} alone" >&2
exit 127`;

const command = (context: RuntimeContext, node: string, folder: string, source: string, args: readonly string[] = []) =>
  script(context, runScript, [node, folder, source, ...args]);

/** TypeScript programs, with Makefile and main.ts as batch steps. */
export const typescript = {
  ...nodejs,
  type: 'typescript',

  exec(context): Plan {
    return withTool(context, noNode, (node) => {
      const folder = context.temporaryPath('');
      const program = runMain(context, 'main.ts', command(context, node, folder, './main.ts'));
      return steps({ do: 'remove-at-end', paths: [folder] }, program);
    });
  },

  program(source, args, context): Plan {
    return withTool(context, noNode, (node) => {
      const folder = context.temporaryPath('');
      if (source.from === 'file') {
        const program = main(command(context, node, folder, operand(source.path), args));
        return steps({ do: 'remove-at-end', paths: [folder] }, program);
      }
      const path = context.temporaryPath('.ts');
      return steps(
        { do: 'remove-at-end', paths: [folder, path] },
        source.from === 'stdin' ? saveInput(context, path) : { do: 'write', path, content: source.code },
        main(command(context, node, folder, path, args)),
      );
    });
  },

  query: {
    by: 'driver',
    start(context) {
      const driver = nodejs.query.start(context);
      return 'unable' in driver ? driver : { argv: [...driver.argv, 'typescript'] };
    },
  },
} as const satisfies Runtime;
