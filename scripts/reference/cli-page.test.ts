import { describe, expect, it } from 'vitest';
import { commandTable } from '../../src/cli/commands/index.ts';
import { cliReferencePage } from './cli-page.ts';

const commands = await Promise.all(commandTable.map((entry) => entry.load()));
const page = cliReferencePage(commands);

describe('the page of the command line', () => {
  it('has every command with its options, its examples and the exit statuses', () => {
    for (const { name, options, examples } of commands) {
      const section = page.slice(page.indexOf(`\n### ${name}\n`), page.length);
      expect(section).toContain(`\`kernelet ${name} [options]`);
      for (const { flags } of options) expect(section).toContain(`| \`${flags.replaceAll('|', '\\|')}\` |`);
      for (const { command } of examples) expect(section).toContain(command);
    }
    for (const status of ['128 + n', '137', '125', '2']) expect(page).toContain(`\n| ${status} |`);
  });

  it('keeps what help aligns by spaces as it is', () => {
    expect(page).toContain('\n```text\n  exec ID (FILE | -c CODE | -)');
  });
});
