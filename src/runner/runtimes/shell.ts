/**
 * Shell: bash when the image has it, else its sh; queries by `drivers/shell_driver.cjs`, which runs on the volume's
 * Node and keeps one shell of the image's alive. The type is ours; upstream has none for shells.
 */
import { nodeCommand } from '../../lib/node-process.ts';
import type { DriverCommand, Plan, Runtime, RuntimeContext } from '../runtime.ts';
import { batchMode, buildWithMake, fitsArgument, main, nothing, operand, script, steps, unable } from './plan.ts';

const noShell = 'this image has no shell (neither bash nor sh)';

function withTool(context: RuntimeContext, plan: (shell: string) => Plan): Plan {
  return context.tool === null ? unable(noShell) : plan(context.tool);
}

/**
 * The driver's Node is not the tenant's, so variables that would change how it starts are emptied for it; the driver
 * gives them to its shell as they were.
 */
function shieldedDriver(context: RuntimeContext, tool: string): DriverCommand {
  const disturbing = Object.entries(context.environ).filter(([name]) => /^(NODE_|OPENSSL_|LD_)/.test(name));
  return {
    argv: nodeCommand(context.volumeNode, {
      file: `${context.drivers}/shell_driver.cjs`,
      flags: ['--max-semi-space-size=1'],
      args: [tool, JSON.stringify(Object.fromEntries(disturbing))],
    }),
    environ: Object.fromEntries(disturbing.map(([name]) => [name, ''])),
  };
}

/** Shell scripts, by the image's shell or the volume's own. */
export const shell = {
  type: 'shell',
  tools: ['bash', 'sh'],
  environ: () => ({}),
  clean: () => nothing(),
  build: (context) => buildWithMake(context),

  exec(context) {
    const text =
      'if [ -f main.sh ]; then exec "$1" main.sh; fi\necho "kernelet: there is no main.sh to run" >&2; exit 127';
    return withTool(context, (tool) => steps(main(script(context, text, [tool]), batchMode)));
  },

  /** As with `sh -c CODE ARGS`, the first argument after code is `$0`. */
  program(source, args, context) {
    return withTool(context, (tool) => {
      if (source.from === 'file') return steps(main([tool, operand(source.path), ...args]));
      if (source.from === 'stdin') return steps(main([tool, '-s', '--', ...args]));
      if (fitsArgument(source.code)) return steps(main([tool, '-c', source.code, ...args]));
      const path = context.temporaryPath('.sh');
      return steps(
        { do: 'write', path, content: source.code },
        { do: 'remove-at-end', paths: [path] },
        main([tool, '-c', '__path=$1; shift; . "$__path"', args[0] ?? tool, path, ...args.slice(1)]),
      );
    });
  },

  query: {
    by: 'driver',
    start: (context) =>
      context.tool === null ? { unable: `kernelet: ${noShell}` } : shieldedDriver(context, context.tool),
  },
} as const satisfies Runtime;

/**
 * The runtime of images that name none, or a type that nobody knows (spec kernel-runner 2.5): any image with a shell
 * runs code, and a build or exec that says `*` warns and succeeds, since there is nothing that it could mean.
 */
export const app = {
  ...shell,
  type: 'app',
  build: () => nothing('kernelet: this image has no way of its own to build; give a build command'),
  exec: () => nothing('kernelet: this image has no program of its own to run; give a command'),
} as const satisfies Runtime;
