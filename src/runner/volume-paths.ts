/** Paths of the runner's own parts inside the container. */
import { containerPaths } from '../protocol/runner-config.ts';

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

/** Flags for a short-lived Node of the volume that does file work: few threads, little memory. */
export const smallNodeFlags = ['--v8-pool-size=0', '--max-semi-space-size=1', '--no-warnings'] as const;
