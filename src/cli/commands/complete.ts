/** `kernelet complete`: what could stand at the end of a piece of code. */

import { printable } from '../../lib/terminal-text.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { UsageError } from '../option-reader.ts';

export const complete = {
  name: 'complete',
  summary: 'complete code',
  description: "Asks the kernel's interpreter what could stand at the cursor; by default that is the end of the code.",
  operands: ['<id>', '<code>'],
  options: [
    { flags: '--cursor <position>', help: 'position of the cursor in characters' },
    { flags: '--context <name>', help: 'the context that is asked; main when absent' },
  ],
  examples: [{ command: "kernelet complete 3f2a 'import ma'", what: 'prints one candidate a line' }],
  async run(call) {
    const { operands, options, screen } = call;
    const [id = '', code = ''] = operands;
    const position = options.text('cursor');
    const cursor = position === undefined ? code.length : Number(position);
    if (position !== undefined && !(/^\d{1,9}$/.test(position) && cursor <= code.length)) {
      throw new UsageError(`--cursor ${JSON.stringify(position)} is not a position from 0 to ${code.length}`);
    }
    await using client = await daemonClient(call);
    const matches = await client.complete(id, { code, cursor, context: options.text('context') });
    await screen.either({ matches }, () => matches.map((match) => `${printable(match)}\n`).join(''));
    return 0;
  },
} satisfies CliCommand;
