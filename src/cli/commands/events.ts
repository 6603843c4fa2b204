/** `kernelet events`: what happens to kernels. */
import type { KernelEvent } from '../../http/api-types.ts';
import { printable } from '../../lib/terminal-text.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { resumeStream } from '../resumed-stream.ts';

export const events = {
  name: 'events',
  summary: 'show what happens to kernels',
  description:
    'Shows the events that are still kept; with --follow also what happens from now on, through restarts of the daemon.',
  operands: [],
  options: [
    { flags: '-f, --follow', help: 'go on until Ctrl-C' },
    { flags: '--after <number>', help: 'only events with a higher number' },
  ],
  examples: [
    { command: 'kernelet events -f', what: 'watch' },
    { command: 'kernelet events --json | jq -c .event', what: 'for programs: one document a line' },
  ],
  async run(call) {
    const { options, screen } = call;
    const { signal } = call.listen();
    await using client = await daemonClient(call);
    let last = options.integer('after', { min: 0 }) ?? 0;
    const stream = options.flag('follow')
      ? resumeStream((retry) => client.kernelEvents(last, true, { signal, retry }), signal)
      : await client.kernelEvents(last, false, { signal });
    for await (const event of stream) {
      last = event.sequence;
      await screen.either(event, () => `${lineOf(event)}\n`);
    }
    return 0;
  },
} satisfies CliCommand;

function lineOf({ sequence, at, event }: KernelEvent): string {
  const { type, kernelId, sessionId: _, ...rest } = event;
  const details = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== '')
    .map(([key, value]) => `${key}=${printable(String(value))}`);
  return [new Date(at).toISOString(), sequence, kernelId, type, ...details].join('  ');
}
