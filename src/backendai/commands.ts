/** Commands for members of a cluster; `index.ts` lists them. */
import path from 'node:path';
import type { CliCommand } from '../cli/command.ts';
import { daemonFlags, daemonOptions } from '../cli/config-options.ts';

/** Writes the two certificate files of one pair; without a daemon. */
export const keypair = {
  name: 'keypair',
  summary: 'make CURVE keys for calls of a manager',
  description: `Makes a pair of keys and writes it into FOLDER, which must exist: NAME.key is public, NAME.key_secret is for its owner
alone. Files that are there already are left alone.`,
  operands: ['<folder>', '<name>'],
  options: [],
  examples: [{ command: 'kernelet keypair /etc/backend.ai agent', what: "this node's keys" }],
  async run({ operands: [folder = '', name = ''], host, screen }) {
    const { makeCurveKeys } = await import('./transport/curve-keys.ts');
    const made = await makeCurveKeys(path.resolve(host.io.workingDirectory, folder), name);
    await screen.either(made, () => `${made.publicFile}\n${made.secretFile}\n`);
    return 0;
  },
} satisfies CliCommand;

/** Serves a manager beside the agent, also while that is stopped. */
export const watcher = {
  name: 'watcher',
  summary: 'the daemon by which a manager starts and stops the agent',
  description: `Answers on watcher.service-addr whoever has the token of the cluster (config/watcher/token in etcd): says how the agent
is, starts, stops, restarts and reloads it, mounts and unmounts volumes below the mount prefix, and shows /etc/fstab. Runs in
the foreground until SIGTERM or Ctrl-C, as root. Its configuration is the agent's own file.

The agent is the unit watcher.target-service of systemd; with kernelet.watcher.supervise it is a process of the watcher's own,
which starts with it, ends with it, and is started again when it ends by itself. Kernels outlive both.

The exit status is as that of \`kernelet serve\`.`,
  operands: [],
  options: daemonOptions,
  examples: [
    { command: 'kernelet watcher', what: 'with the file that `kernelet serve` would find' },
    { command: 'kernelet watcher -f /etc/backend.ai/agent.toml', what: 'with this one' },
  ],
  isDaemon: true,
  async run({ host: { io }, options }) {
    const stop = new AbortController();
    using _term = io.onSignal('SIGTERM', () => stop.abort());
    using _interrupt = io.onSignal('SIGINT', () => stop.abort());
    const { serveWatcher } = await import('./watcher/serve-watcher.ts');
    await serveWatcher({
      flags: daemonFlags(options),
      environ: io.environ,
      workingDir: io.workingDirectory,
      signal: stop.signal,
    });
    return 0;
  },
} satisfies CliCommand;
