/** `kernelet config validate`: would `serve` take the configuration? */
import { ConfigError } from '../../config/problems.ts';
import { hasCode, type KerneletError } from '../../lib/errors.ts';
import type { CliCommand } from '../command.ts';
import { configOptions, loadAsServe } from '../config-options.ts';
import { exitStatus } from '../exit-status.ts';

export const configValidate = {
  name: 'config validate',
  summary: 'check a file',
  description: `Checks the configuration file, the environment and the flags on this machine as \`kernelet serve\` would: their form, the
files of keys that they name, and whether there is something left of the machine for kernels. Every problem is shown with
its key, value, place and cure. The exit status is 0 when \`serve\` would take it; whether the engine and the machine are
fit is told by \`kernelet doctor\`.`,
  operands: ['[file]'],
  options: configOptions,
  examples: [
    { command: 'kernelet config validate agent.toml', what: 'a file' },
    { command: 'kernelet config validate', what: 'what serve would find here' },
  ],
  async run(call) {
    const { screen, operands, host } = call;
    let warnings: readonly string[] = [];
    let configFile: string | null = null;
    let refused: readonly KerneletError[];
    try {
      const loaded = await loadAsServe(call, operands[0]);
      ({ warnings } = loaded);
      ({ configFile } = loaded.settings);
      refused = await host.refusedSettings(loaded.settings);
    } catch (error) {
      if (!hasCode(error, 'INVALID_CONFIG')) throw error;
      if (error instanceof ConfigError) ({ warnings } = error);
      refused = [error];
    }
    if (!screen.json) for (const warning of warnings) await screen.note(`warning: ${warning}`);
    const [first, ...others] = refused;
    if (first === undefined) {
      await screen.either({ valid: true, configFile, problems: [], warnings }, () =>
        configFile === null ? 'no file; the defaults are used\n' : `${configFile} is valid\n`,
      );
      return exitStatus.ok;
    }
    if (!screen.json) {
      for (const { message } of others) await screen.note(message);
      throw first;
    }
    await screen.document({ valid: false, problems: refused.flatMap(problemsOf), warnings });
    return exitStatus.failure;
  },
} satisfies CliCommand;

/** What is refused for more than one key's sake, or is no TOML, has a message alone. */
function problemsOf(error: KerneletError): readonly object[] {
  return error instanceof ConfigError ? error.problems : [{ message: error.message, ...error.context }];
}
