/** JavaScript: the image's own Node; queries by `drivers/node_driver.cjs`. */
import { imageLabels } from '../../protocol/image-contract.ts';
import type { Runtime } from '../runtime.ts';
import { buildWithMake, fitsArgument, main, nothing, operand, runMain, steps, withTool } from './plan.ts';

const noNode = `this image has no node; name its Node with the label ${imageLabels.runtimePath}`;

/** JavaScript programs, with Makefile and main.js as batch steps. */
export const nodejs = {
  type: 'nodejs',
  tools: ['node', 'nodejs'],
  environ: () => ({}),
  clean: () => nothing(),
  build: (context) => buildWithMake(context),

  exec: (context) => withTool(context, noNode, (tool) => steps(runMain(context, 'main.js', [tool, 'main.js']))),

  program(source, args, context) {
    return withTool(context, noNode, (tool) => {
      if (source.from === 'file') return steps(main([tool, operand(source.path), ...args]));
      if (source.from === 'stdin') return steps(main([tool, '-', ...args]));
      if (fitsArgument(source.code)) return steps(main([tool, '-e', source.code, '--', ...args]));
      const path = context.temporaryPath('.js');
      return steps(
        { do: 'write', path, content: source.code },
        { do: 'remove-at-end', paths: [path] },
        main([tool, path, ...args]),
      );
    });
  },

  query: {
    by: 'driver',
    start: ({ tool, drivers }) =>
      tool === null ? { unable: `kernelet: ${noNode}` } : { argv: [tool, `${drivers}/node_driver.cjs`] },
  },
} as const satisfies Runtime;
