/** `kernelet events`: what happens to kernels. */
import type { NumberedKernelEvent } from '../../events/kernel-event.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import { hasCode } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { printable } from '../printable.ts';

const pauseMs = 100;

/** The command. */
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
    const interruption = call.listen();
    const { signal } = interruption;
    await using client = await daemonClient(call);
    const follow = options.flag('follow');
    let last = Math.floor(options.number('after') ?? 0);
    for (;;) {
      try {
        for await (const { data } of client.kernelEvents(last, follow, signal)) {
          const event = JSON.parse(data.toString()) as NumberedKernelEvent;
          last = event.sequence;
          await screen.either(event, () => `${lineOf(event)}\n`);
        }
      } catch (error) {
        const broken = hasCode(error, 'SHUTTING_DOWN') || isSystemError(error, 'ECONNRESET');
        if (!follow || !broken) throw error;
      }
      if (!follow) return 0;
      await sleep(systemClock, pauseMs, signal);
    }
  },
} satisfies CliCommand;

function lineOf({ sequence, at, event }: NumberedKernelEvent): string {
  const { type, kernelId, sessionId: _, ...rest } = event;
  const details = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== '')
    .map(([key, value]) => `${key}=${printable(String(value))}`);
  return [new Date(at).toISOString(), sequence, kernelId, type, ...details].join('  ');
}
