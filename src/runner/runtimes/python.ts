/** Python: any Python 3.6 or later of the image; queries by `drivers/python_driver.py`. */
import { imageLabels } from '../../protocol/image-contract.ts';
import type { Runtime } from '../runtime.ts';
import { buildWithMake, fitsArgument, main, nothing, operand, runMain, steps, withTool } from './plan.ts';

const noPython = `this image has no python3; name its Python with the label ${imageLabels.runtimePath}`;

/** Runs a file as `python3 -c` runs its argument: for code that is too long to be one. */
const runFileAsCode =
  'import sys; path = sys.argv.pop(1); ' +
  'exec(compile(open(path, "rb").read(), "<string>", "exec"), {k: v for k, v in globals().items() if k[:2] == "__"})';

/** Python programs, with Makefile, setup.py and main.py as batch steps. */
export const python = {
  type: 'python',
  tools: ['python3', 'python'],

  /** Our folder comes last, so that no module of the user's is shadowed (spec 15.1 and 15.4). */
  environ(context) {
    const ours = `${context.drivers}/python`;
    const users = context.environ['PYTHONPATH'];
    return { PYTHONPATH: users ? `${users}:${ours}` : ours };
  },

  clean: () => nothing(),

  build(context) {
    if (context.tool === null) return buildWithMake(context);
    const otherwise =
      'if [ -f setup.py ] || [ -f pyproject.toml ]; then exec "$1" -m pip install --user -e .; fi\n' +
      'echo "kernelet: no Makefile, setup.py or pyproject.toml: nothing to build" >&2';
    return buildWithMake(context, otherwise, [context.tool]);
  },

  exec: (context) => withTool(context, noPython, (tool) => steps(runMain(context, 'main.py', [tool, 'main.py']))),

  program(source, args, context) {
    return withTool(context, noPython, (tool) => {
      if (source.from === 'file') return steps(main([tool, operand(source.path), ...args]));
      if (source.from === 'stdin') return steps(main([tool, '-', ...args]));
      if (fitsArgument(source.code)) return steps(main([tool, '-c', source.code, ...args]));
      const path = context.temporaryPath('.py');
      return steps(
        { do: 'write', path, content: source.code },
        { do: 'remove-at-end', paths: [path] },
        main([tool, '-c', runFileAsCode, path, ...args]),
      );
    });
  },

  query: {
    by: 'driver',
    start: ({ tool, drivers }) =>
      tool === null ? { unable: `kernelet: ${noPython}` } : { argv: [tool, `${drivers}/python_driver.py`] },
  },
} as const satisfies Runtime;
