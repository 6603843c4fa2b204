/** Paths of the runner's own parts inside the container. */
import { nodeCommand } from '../lib/node-process.ts';
import { containerPaths } from '../protocol/image-contract.ts';

/** What the runner uses of its volume. */
export const volumePaths = {
  busybox: `${containerPaths.volume}/bin/busybox`,
  shell: `${containerPaths.volume}/bin/sh`,
  node: `${containerPaths.volume}/bin/node`,
  dropbear: `${containerPaths.volume}/bin/dropbear`,
  sshSession: `${containerPaths.volume}/bin/ssh-session`,
  runner: `${containerPaths.volume}/runner/runner.js`,
  terminal: `${containerPaths.volume}/runner/terminal/terminal.js`,
  drivers: `${containerPaths.volume}/runner/drivers`,
} as const;

/** Options of Node for a small program: few threads, little memory. */
export const smallNodeFlags = ['--v8-pool-size=0', '--max-semi-space-size=1', '--no-warnings'];

/** The command line of a program of the runner's own that serves for a while; what tenants have written may be in it. */
export const smallProgram = (file: string, args: readonly string[] = []): readonly string[] =>
  nodeCommand(volumePaths.node, { file, flags: smallNodeFlags, args });
