/** What batch steps do with a Makefile, whatever the language (spec kernel-runner 8.2). */
import type { Plan, RuntimeContext } from '../runtime.ts';
import { main, script, steps } from './plan.ts';

/** A shell condition: the home has a file that `make` reads. */
const hasMakefile = '[ -f Makefile ] || [ -f makefile ] || [ -f GNUmakefile ]';

/**
 * `make` when there is a Makefile, else `otherwise`: shell commands, with `args` as their `$1`, `$2`, …; with none,
 * success after saying that there was nothing to do.
 */
export function buildWithMake(
  context: RuntimeContext,
  otherwise = 'echo "kernelet: no Makefile: nothing to build" >&2',
  args: readonly string[] = [],
): Plan {
  return steps(main(script(context, `if ${hasMakefile}; then exec make; fi\n${otherwise}`, args)));
}

/** `make clean` when there is a Makefile, else nothing. */
export function cleanWithMake(context: RuntimeContext): Plan {
  const text = `if ${hasMakefile}; then exec make clean; fi\necho "kernelet: no Makefile: nothing to clean" >&2`;
  return steps(main(script(context, text)));
}
