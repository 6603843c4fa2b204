/** Drivers of our own that run on the volume's Node, with the tenant's ids, in images that need not have one. */
import { nodeCommand } from '../../lib/node-process.ts';
import type { DriverCommand, RuntimeContext } from '../runtime.ts';

/** Variables that change how a Node starts. */
const disturbing = /^(NODE_|OPENSSL_|LD_)/;

/** What a driver's own Node must not be started with; it may hand them on to what it starts itself. */
export const withheldVariables = (context: RuntimeContext): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(context.environ).filter(([name]) => disturbing.test(name)));

/** The command that starts a driver. */
export function volumeDriver(context: RuntimeContext, file: string, args: readonly string[] = []): DriverCommand {
  return {
    argv: nodeCommand(context.volumeNode, {
      file: `${context.drivers}/${file}`,
      flags: ['--max-semi-space-size=1'],
      args,
    }),
    environ: Object.fromEntries(Object.keys(withheldVariables(context)).map((name) => [name, ''])),
  };
}
