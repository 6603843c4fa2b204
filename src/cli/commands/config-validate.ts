/** `kernelet config validate`: is the file right? */
import { ConfigError } from '../../config/problems.ts';
import { hasCode } from '../../lib/errors.ts';
import type { CliCommand } from '../command.ts';
import { configOptions, loadAsServe } from '../config-options.ts';
import { exitStatus } from '../exit-status.ts';

/** The command. */
export const configValidate = {
  name: 'config validate',
  summary: 'check a file',
  description: `Checks the configuration file, the environment and the flags as \`kernelet serve\` would. Every problem is shown with its
key, value, place and cure. The exit status is 0 when \`serve\` would take it.`,
  operands: ['[file]'],
  options: configOptions,
  examples: [
    { command: 'kernelet config validate agent.toml', what: 'a file' },
    { command: 'kernelet config validate', what: 'what serve would find here' },
  ],
  async run(call) {
    const { screen, operands } = call;
    try {
      const { settings, warnings } = await loadAsServe(call, operands[0]);
      for (const warning of warnings) await screen.note(`warning: ${warning}`);
      const { configFile } = settings;
      await screen.either({ valid: true, configFile, problems: [], warnings }, () =>
        configFile === null ? 'no file; the defaults are used\n' : `${configFile} is valid\n`,
      );
      return exitStatus.ok;
    } catch (error) {
      if (!hasCode(error, 'INVALID_CONFIG')) throw error;
      const warnings = error instanceof ConfigError ? error.warnings : [];
      if (!screen.json) {
        for (const warning of warnings) await screen.note(`warning: ${warning}`);
        throw error;
      }
      // A text that is no TOML has one problem and no key.
      const problems = error instanceof ConfigError ? error.problems : [{ message: error.message, ...error.context }];
      await screen.document({ valid: false, problems, warnings });
      return exitStatus.failure;
    }
  },
} satisfies CliCommand;
