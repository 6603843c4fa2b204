/** `kernelet serve`: the daemon. */
import type { CliCommand } from '../command.ts';
import { daemonFlags, daemonOptions } from '../config-options.ts';

export const serve = {
  name: 'serve',
  summary: 'the daemon',
  description: `Keeps kernels, and answers the API on its socket. Runs in the foreground until SIGTERM or Ctrl-C; kernels stay and the
next start finds them again.

SIGHUP reads the configuration again: the level of the log counts at once, and the log names what needs a restart. A
second SIGINT ends a stop that takes too long.

It needs root, and no configuration. The file is the first found of ./agent.toml, ~/.config/backend.ai/agent.toml and
/etc/backend.ai/agent.toml; with an [etcd] section in it the daemon joins that cluster.

The exit status is 0 after a stop that was asked for, 1 when the configuration is refused, 69 when the container engine or
a service of the cluster cannot be used, 75 when another start may succeed, and 70 after a defect.`,
  operands: [],
  options: daemonOptions,
  examples: [
    { command: 'kernelet serve', what: 'with the defaults: alone, no file needed' },
    { command: 'kernelet serve --state-dir /srv/kernelet --socket /run/k.sock', what: 'in other places' },
    { command: 'kernelet serve -f agent.toml --log-level debug', what: 'with a configuration' },
  ],
  isDaemon: true,
  async run({ host, options }) {
    return await host.serve(daemonFlags(options));
  },
} satisfies CliCommand;
