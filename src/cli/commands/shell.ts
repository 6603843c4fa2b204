/** `kernelet shell`: a login shell in a kernel. */
import { containerPaths } from '../../protocol/image-contract.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { detachKeysOption, processFields, processOptions } from '../process-options.ts';
import { assertTerminal, onTerminal, TerminalSession } from '../terminal-session.ts';

/** That of the user, else one of the image, else the runner volume's. */
const volumeShell = `${containerPaths.volume}/bin/sh`;
const login = `for shell in "$SHELL" /bin/bash /bin/ash /bin/sh ${volumeShell}; do [ -x "$shell" ] && exec "$shell" -l; done`;

export const shell = {
  name: 'shell',
  summary: 'open a shell in a kernel',
  description: `Opens a login shell on a terminal: bash where the image has it, else its sh; in an image without any, kernelet's own.

Every key goes to the shell, Ctrl-C and Ctrl-Z too. \`exit\` or Ctrl-D ends it, with its exit status. Ctrl-P Ctrl-Q leaves it alone: it
runs on, and \`kernelet attach\` comes back to it. When this command is ended or loses its terminal, the shell is hung up.`,
  operands: ['<id>'],
  options: [...processOptions, detachKeysOption],
  examples: [
    { command: 'kernelet shell 3f2a', what: 'a name, or a unique beginning of the id, is enough' },
    { command: 'kernelet shell 3f2a --name work', what: 'one to come back to: `kernelet attach 3f2a work`' },
  ],
  async run(call) {
    const { operands, options, screen, host } = call;
    const [id = ''] = operands;
    assertTerminal(screen);
    const detachKeys = parseDetachKeys(options.text('detach-keys'));
    const argv = [volumeShell, '-c', login];
    const fields = processFields(options, host.io);
    const request = onTerminal({ mode: 'command', argv, ...fields, timeoutMs: null }, host.io);
    const { signal } = call.listen();
    await using client = await daemonClient(call);
    return await new TerminalSession({ client, screen, kernel: id, request, detachKeys, signal }).show();
  },
} satisfies CliCommand;
