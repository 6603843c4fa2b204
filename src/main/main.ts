/** The program: its command line, with everything behind it supplied on demand, so that a command loads what it uses. */
import { clusterCommands } from '../backendai/index.ts';
import type { CliHost } from '../cli/host.ts';
import { createProcessIo } from '../cli/process-io.ts';
import { runCli } from '../cli/program.ts';
import { version } from '../lib/installation.ts';
import { programArguments } from '../lib/node-process.ts';

const io = createProcessIo();

const host: CliHost = {
  version,
  io,
  async serve(options) {
    const { serve } = await import('./serve.ts');
    return await serve(options, io);
  },
  async refusedSettings(settings) {
    const { refusedSettings } = await import('./check-settings.ts');
    return await refusedSettings(settings);
  },
  async openEngine(settings) {
    const { openEngine } = await import('./engine-backends.ts');
    return openEngine(settings);
  },
  async startLocalAgent(options) {
    const { startLocalAgent } = await import('./local-agent.ts');
    return await startLocalAgent(options, io);
  },
};
const status = await runCli(programArguments(), host, clusterCommands);
// Everything is written and let go of by now; nothing that a library keeps open may hold the caller up.
process.exit(status);
