/** `kernelet attach`: what a command in the background prints. */
import { runNamed } from '../../agent/run-names.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { EndedBySignal } from '../interruption.ts';
import { detachKeysOption } from '../process-options.ts';
import { RunSession } from '../run-session.ts';
import { TerminalSession } from '../terminal-session.ts';

export const attach = {
  name: 'attach',
  summary: 'show a command in the background',
  description: `Shows what a run has printed, as far as it is kept, and what it prints until it ends, with its exit status. Any number of
readers may be attached to a command that was started with --detach; of another run, the newest takes over.

Ctrl-C leaves the run alone: it goes on. \`kernelet kill\` ends it.

A run on a terminal gets every key that is typed, Ctrl-C too; Ctrl-P Ctrl-Q leaves it alone. Several may be attached to it, who see
the same; its size is that of whoever came or changed last.`,
  operands: ['<id>', '<run>'],
  options: [
    { flags: '-i, --stdin', help: 'send standard input to it, and then its end' },
    detachKeysOption,
    { flags: '--after <number>', help: 'only what comes behind this event, whose numbers --json shows' },
    { flags: '--save-media <folder>', help: 'save pictures, HTML and PDF of values there' },
  ],
  examples: [
    { command: 'kernelet attach 3f2a web', what: 'by its name' },
    { command: 'echo quit | kernelet attach 3f2a -i game', what: 'one that was started with exec -d -i' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    const [id = '', run = ''] = operands;
    const interruption = call.listen();
    await using client = await daemonClient(call);
    const after = options.integer('after', { min: 0 }) ?? 0;
    const detachKeys = parseDetachKeys(options.text('detach-keys'));
    const isShown = screen.io.stdin.isTerminal && !screen.json;
    if (isShown && (await hasTerminal(client, id, run))) {
      const { signal } = interruption;
      const attached = { run, after };
      return await new TerminalSession({
        client,
        screen,
        kernel: id,
        request: null,
        attached,
        detachKeys,
        signal,
      }).show();
    }
    const session = new RunSession({
      client,
      screen,
      kernel: id,
      request: null,
      attached: { run, after, sendsInput: options.flag('stdin') },
      saveMedia: options.text('save-media'),
      memoryBytes: null,
      signal: interruption.signal,
    });
    try {
      return await session.show();
    } catch (error) {
      if (interruption.signal.reason instanceof EndedBySignal) {
        await screen.note(`${run} goes on; \`kernelet kill ${id} ${run}\` ends it`);
      }
      throw error;
    }
  },
} satisfies CliCommand;

/** Whether the run that this stands for is on a terminal; a text that stands for none is refused where it is followed. */
async function hasTerminal(client: ApiClient, id: string, text: string): Promise<boolean> {
  const runs = await client.runs(id);
  const named = runNamed(text, runs);
  return runs.find(({ run }) => run === named)?.tty === true;
}
