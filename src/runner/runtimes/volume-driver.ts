/** Drivers of our own that run on the volume's Node, with the tenant's ids, in images that need not have one. */
import { nodeCommand } from '../../lib/node-process.ts';
import type { DriverCommand, RuntimeContext } from '../runtime.ts';

/** Variables that change how a Node starts. */
const disturbing = /^(NODE_|OPENSSL_|LD_)/;

const withheldVariables = ({ environ }: RuntimeContext): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(environ).filter(([name]) => disturbing.test(name)));

/**
 * The variable with those that a driver's own Node is not started with, as JSON, which the driver hands on to what it starts. They are
 * secrets as others are (`NODE_AUTH_TOKEN`), and every user of the host sees arguments.
 */
const withheldName = 'KERNELET_WITHHELD';

/** What a driver's environment has in the place of the tenant's variables that would change how its Node starts. */
export function driverEnviron(context: RuntimeContext): Readonly<Record<string, string>> {
  const withheld = withheldVariables(context);
  if (Object.keys(withheld).length === 0) return {};
  const blank = Object.fromEntries(Object.keys(withheld).map((name) => [name, '']));
  return { ...blank, [withheldName]: JSON.stringify(withheld) };
}

/** The environment of what a driver starts, of the driver's own. */
export function tenantEnviron(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { [withheldName]: withheld = '{}', ...others } = own;
  return { ...others, ...(JSON.parse(withheld) as Readonly<Record<string, string>>) };
}

/** The command that starts a driver. */
export function volumeDriver(context: RuntimeContext, file: string, args: readonly string[] = []): DriverCommand {
  return {
    argv: nodeCommand(context.volumeNode, {
      file: `${context.drivers}/${file}`,
      flags: ['--max-semi-space-size=1'],
      args,
    }),
    environ: driverEnviron(context),
  };
}
